// The factory `openai-language-model`: a language model behind a server with OpenAI's chat completions, such as llama.cpp, Ollama or vLLM.
// It asks for outputs in words (caption route): by calls of tools, or by tags. Knows no decoder.

import type { Context, Factory, LanguageModel, LanguageModelEnd, Signal, TextDelta } from '../../src/contracts.ts';
import { AnymodalError } from '../../src/errors.ts';
import { offeredOutputs, type CaptionTask } from '../../src/language-model/caption-protocol.ts';
import { CaptionReply } from '../../src/language-model/caption-reply.ts';
import { eachApart, apart } from '../server/apart.ts';
import { events } from '../server/event-stream.ts';
import { judgeModels, probe } from '../server/health.ts';
import { Server } from '../server/server.ts';
import { checkSchema } from '../../src/schema.ts';
import { requireServer } from '../server/settings.ts';
import { chatOptions, chatSchema, samplingFields, type ChatConfig } from './chat-config.ts';
import { chatRequest, type Round } from './chat-request.ts';
import { ReplyReader } from './chunks.ts';
import { nameOfTool, readArguments } from './tools.ts';

/** Rounds in which an output that must come is asked for, beyond the first. */
const MORE_ROUNDS = 2;

type Request = Parameters<LanguageModel['generate']>[0];

/** No files. */
export const openaiLanguageModel: Factory<'language-model'> = {
  kind: 'language-model',
  name: 'openai-language-model',
  config: chatSchema,
  ports(config) {
    readConfig(config);
    return { in: {}, out: {} };
  },
  async open(source) {
    const config = readConfig(source.config);
    const server = new Server(source, config);
    await probe(source, server, 'v1/models', judgeModels(source, server, config.model));
    return new RemoteLanguageModel(server, config);
  },
};

function readConfig(config: Readonly<Record<string, unknown>>): ChatConfig {
  return requireServer('openai-language-model', checkSchema<ChatConfig>(chatSchema, config, 'config'));
}

class RemoteLanguageModel implements LanguageModel {
  readonly options;
  readonly outputs: readonly string[];
  /** Media that the server is not given are named to it. */
  readonly unseen = true;
  readonly #server: Server;
  readonly #config: ChatConfig;
  #byTools: boolean;

  constructor(server: Server, config: ChatConfig) {
    this.#server = server;
    this.#config = config;
    this.#byTools = config.requests === 'tools';
    this.options = chatOptions(config);
    this.outputs = config.outputs;
  }

  async *generate(request: Request, context: Context): AsyncGenerator<TextDelta | Signal | LanguageModelEnd> {
    const { messages, wants, satisfies = {} } = request;
    const task: CaptionTask = { outputs: this.outputs, wants, satisfies, messages };
    warnOfUnseen(task, this.#config, context);
    const reply = new CaptionReply(task, context);
    const usage = { inputTokens: 0, outputTokens: 0 };
    const rounds: Round[] = [];
    let reason: LanguageModelEnd['reason'] = 'stop';
    const leave = await apart(context, async () => this.#server.gate.enter(context.signal));
    try {
      for (let missed = 0; ; ) {
        const next = reply.next;
        const reader = new ReplyReader();
        const text = yield* this.#round(request, task, next, rounds, reader, reply, context);
        const calls = reader.calls();
        for (const call of calls) yield* this.#called(call, task, reply, context);
        yield* reply.settle();
        usage.inputTokens += reader.inputTokens ?? 0;
        usage.outputTokens += reader.outputTokens ?? reader.pieces;
        if (reader.finish === 'length') reason = 'length';
        rounds.push({ text, calls });
        const still = reply.next;
        if (still === null) break;
        // A round that brought nothing of what must come is tried again, and then done without.
        missed = still === next && rounds.length > 1 ? missed + 1 : 0;
        if (missed < MORE_ROUNDS) continue;
        if (still === 'text') break;
        yield* reply.request({ output: makerOf(still, task), prompt: '', references: [] });
        missed = 0;
        if (reply.next === null) break;
      }
    } finally {
      leave();
    }
    yield* reply.end();
    yield { type: 'end', reason, usage };
  }

  async dispose(): Promise<void> {
    // Every connection belongs to a request.
  }

  /** One request; text and what it asks for go out as they come. Returns the text as the model wrote it. */
  async *#round(request: Request, task: CaptionTask, next: string | null, before: readonly Round[], reader: ReplyReader, reply: CaptionReply, context: Context): AsyncGenerator<TextDelta | Signal, string> {
    const fields = samplingFields(this.#config, request.options, context.random.seed);
    const send = (byTools: boolean): AsyncGenerator => {
      const json = { ...fields, ...chatRequest(task, this.#config, next, before, byTools), stream: true, stream_options: { include_usage: true } };
      return events(this.#server, 'v1/chat/completions', { json }, context.signal);
    };
    let text = '';
    const read = async function* (stream: AsyncGenerator): AsyncGenerator<TextDelta | Signal> {
      for await (const chunk of eachApart(context, stream)) {
        const words = reader.read(chunk);
        text += words;
        if (words !== '') yield* reply.push(words);
      }
    };
    const offered = offeredOutputs(task).length > 0;
    try {
      yield* read(send(this.#byTools));
    } catch (error) {
      // Ollama and others say so of models whose template has no place for tools.
      const refuses = error instanceof AnymodalError && error.code === 'bad_input' && this.#byTools && offered && reader.pieces === 0;
      if (!refuses) throw error;
      context.warn('tools_unavailable', `${this.#server.name}: ${this.#server.origin} takes no tools for this model; it is told of tags instead. Set config.requests to "text" to begin with them.`);
      this.#byTools = false;
      yield* read(send(false));
    }
    if (reader.error !== null) throw new AnymodalError('unavailable', `${this.#server.name}: ${this.#server.origin} ended the reply with an error (${reader.error}); look into its log.`);
    return text;
  }

  *#called(call: { readonly name: string; readonly arguments: string }, task: CaptionTask, reply: CaptionReply, context: Context): Generator<TextDelta | Signal> {
    const output = task.outputs.find((each) => nameOfTool(each) === call.name);
    const asked = readArguments(call.arguments, task.messages.reduce((sum, { parts }) => sum + parts.filter(({ type }) => type === 'media').length, 0));
    if (output === undefined || asked === null) {
      context.warn('call_ignored', `${this.#server.name}: the model called ${output === undefined ? 'a tool that it does not have' : `${call.name} without a prompt`}; nothing comes of it.`);
      return;
    }
    yield* reply.request({ output, ...asked });
  }
}

/** The output itself, or one that does for it. */
function makerOf(name: string, { outputs, satisfies = {} }: CaptionTask): string {
  return outputs.includes(name) ? name : (outputs.find((output) => satisfies[output] === name) ?? name);
}

function warnOfUnseen({ messages }: CaptionTask, { reads }: ChatConfig, context: Context): void {
  const unseen = new Set(messages.flatMap(({ parts }) => parts.flatMap((part) => (part.type === 'media' && (part.media === undefined || !reads.includes(part.modality)) ? [part.modality] : []))));
  if (unseen.size > 0) context.warn('media_unseen', `language model: it does not see or hear ${[...unseen].join(', ')}; it knows that they are there and can point at them. A model that reads them has them in config.reads.`);
}
