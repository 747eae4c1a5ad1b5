// The nouns of anymodal: what flows along the chain and what each room promises.
// Types only; imports nothing and knows no modality, no runtime and no file format.

/** Row-major float32 array in host memory. What stays on a device stays inside its component. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Encoded bytes of one medium. `id` is the lower-case hex SHA-256 of `bytes`. */
export interface Media {
  readonly id: string;
  readonly modality: string;
  /** IANA media type, such as `image/png`. */
  readonly mediaType: string;
  readonly bytes: Uint8Array;
  /** File name the user gave, for messages alone; no part of the identity, never written into a file. */
  readonly name?: string;
}

export interface TextPart {
  readonly type: 'text';
  readonly text: string;
}
export interface MediaPart {
  readonly type: 'media';
  readonly media: Media;
  /** In an answer: what it was made from; absent where that is not known, as for a conversation from outside. */
  readonly made?: Made;
}
/** What `media-start` tells of a medium in an answer, so that the language model reads its own request again. */
export interface Made {
  readonly output: string;
  /** Ordinals (from 1) of the media that it edits or follows. */
  readonly references: readonly number[];
  /** The words that the language model wrote for it, on the caption route. */
  readonly prompt?: string;
}
export type Part = TextPart | MediaPart;

export type Role = 'system' | 'user' | 'assistant';

/** One turn of a conversation: an ordered list of parts. */
export interface Message {
  readonly role: Role;
  readonly parts: readonly Part[];
}

/** A JSON Schema (draft 2020-12) of an object with named options. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/**
 * Source of randomness of one consumer. Draws are those of torch's CPU generator seeded with `seed`:
 * uniforms bit-equal, normals within 1e-6.
 */
export interface Random {
  readonly seed: number;
  /** `count` float32 draws of the uniform distribution on [0, 1). */
  uniform(count: number): Float32Array;
  /** `count` float32 draws of the standard normal distribution. */
  normal(count: number): Float32Array;
  /** An independent generator whose seed depends on this one's seed and `label` alone, not on what was drawn. */
  fork(label: string): Random;
}

/** What every step of a job is given: when to stop, where chance comes from, where warnings go. */
export interface Context {
  readonly signal: AbortSignal;
  readonly random: Random;
  warn(code: string, message: string): void;
  /** Waits for what is done elsewhere, while others take their steps; absent where nobody else waits. */
  elsewhere?<T>(work: () => Promise<T>): Promise<T>;
}

export interface Disposable {
  /** Releases what the component opened; safe to call twice. */
  dispose(): Promise<void>;
}

/** Result of an encoder. */
export interface Encoding {
  /** [n, d_enc]: one global vector first, then detail tokens. */
  readonly tokens: Tensor;
  /** [d_joint], L2-normalised, in the bundle's joint space; null where the encoder has none. */
  readonly joint: Tensor | null;
  /** Media found inside, such as the sound of a video. */
  readonly tracks: readonly Media[];
}

/** Bytes by which a file of a media type is known: those of `text`, one a character (Latin-1), at `offset`. */
export interface Signature {
  readonly mediaType: string;
  readonly offset: number;
  readonly text: string;
}

/** Media of one modality to embeddings. */
export interface Encoder extends Disposable {
  /** Media types that `encode` accepts. */
  readonly mediaTypes: readonly string[];
  /** How files of its media types are known where the room `media/` does not know them. */
  readonly signatures?: readonly Signature[];
  /** Reads as much of the medium as shows that it can be encoded; throws `bad_media`. Absent where nothing can be wrong. */
  check?(media: Media, context: Context): Promise<void>;
  encode(media: Media, context: Context): Promise<Encoding>;
}

/** Encoder tokens [n, d_enc] to embeddings of the language model [m, d_model]. `about`: the words of the message that the medium stands in, for a projector that reads them too. */
export interface InputProjector extends Disposable {
  project(tokens: Tensor, context: Context, about?: string): Promise<Tensor>;
}

/** A medium of the conversation as the language model sees it: its ordinal (from 1) and its projected embeddings. */
export interface PromptMedia {
  readonly type: 'media';
  readonly ordinal: number;
  readonly modality: string;
  /** [m, d_model]; null where the model is told of the medium and does not read it (`LanguageModel.unseen`). */
  readonly embeds: Tensor | null;
  /** The medium itself, for a model that is elsewhere. */
  readonly media?: Media;
  /** Media found inside it that the model reads too, such as the sound of a video; they have no ordinal of their own. */
  readonly tracks?: readonly { readonly modality: string; /** [m, d_model] */ readonly embeds: Tensor }[];
  /** In an answer: the signal that this medium came from; absent where that is not known. */
  readonly made?: Made;
}
export interface PromptMessage {
  readonly role: Role;
  readonly parts: readonly (TextPart | PromptMedia)[];
}

/** Per output, of which `text` is one: must appear, may appear, must not appear. Required ones appear in the order of the keys. */
export type Wants = Readonly<Record<string, 'required' | 'allowed' | 'forbidden'>>;

/** Options of text generation; every one has a default in the bundle. */
export interface SamplingOptions {
  /** 0 is greedy. */
  readonly temperature?: number;
  /** 0 is off. */
  readonly topK?: number;
  readonly topP?: number;
  readonly minP?: number;
  /** 1 is off. */
  readonly repetitionPenalty?: number;
  readonly maxTokens?: number;
  readonly stop?: readonly string[];
}

export interface TextDelta {
  readonly type: 'text-delta';
  readonly text: string;
}

/** The language model's request for one output: a complete signal-token group, or a caption that it wrote between two tokens. */
export interface Signal {
  readonly type: 'signal';
  readonly output: string;
  /** Words for the decoder: what the model wrote for it (caption route), else the user's latest text. */
  readonly prompt: string;
  /** Ordinals (from 1) of the media that the model pointed at. */
  readonly references: readonly number[];
  /** [N, d_model] each: last hidden states at the signal tokens and their input embeddings; null on the caption route. */
  readonly states: { readonly hidden: Tensor; readonly embedded: Tensor } | null;
}

export interface LanguageModelEnd {
  readonly type: 'end';
  readonly reason: 'stop' | 'length';
  readonly usage: { readonly inputTokens: number; readonly outputTokens: number };
}

export interface LanguageModel extends Disposable {
  readonly options: JsonSchema;
  /** Outputs that this model can ask for, by signal tokens or by a caption. */
  readonly outputs: readonly string[];
  /** Whether it takes media that nothing projects into its space: it knows of them and can point at them. */
  readonly unseen?: boolean;
  /** Leaving the loop stops the model. Checks `context.signal` before every token. */
  generate(
    request: {
      readonly messages: readonly PromptMessage[];
      readonly wants: Wants;
      /** Outputs that satisfy another one that is required, such as speech where audio is asked for: `{ speech: 'audio' }`. */
      readonly satisfies?: Readonly<Record<string, string>>;
      readonly options: SamplingOptions;
    },
    context: Context,
  ): AsyncGenerator<TextDelta | Signal | LanguageModelEnd>;
}

/** Named ports of a decoder's conditioning: `tokens`, `pooled`, `feature`, ... */
export type Conditioning = Readonly<Record<string, Tensor>>;

export type Source =
  | { readonly type: 'signal'; readonly signal: Signal }
  | { readonly type: 'prompt'; readonly text: string }
  | { readonly type: 'joint'; readonly embedding: Tensor };

/** One kind of source to the conditioning of a decoder. A decoder's own text encoder accepts `prompt`. */
export interface OutputProjector extends Disposable {
  readonly accepts: Source['type'];
  project(source: Source, context: Context): Promise<Conditioning>;
}

/** `edit`: change this medium. `mask`: white may change, black stays. `follow`: resemble or continue this medium. */
export type ReferenceRole = 'edit' | 'mask' | 'follow';
export interface Reference {
  readonly role: ReferenceRole;
  readonly media: Media;
}

/** What is written into a made file beside the standard mark of generated media. */
export type Provenance = Readonly<Record<string, string | number | boolean | null>>;

export interface DecodeRequest {
  readonly conditioning: Conditioning;
  /** Replaces the unconditional branch of classifier-free guidance; null uses the decoder's own. */
  readonly negative: Conditioning | null;
  readonly references: readonly Reference[];
  /** What the outputs that were made before it in its group told about themselves (`DecodeResult.companion`), by output. */
  readonly companions: Readonly<Record<string, Conditioning>>;
  /** Validated against `Decoder.options`, defaults filled in. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Written into the file by the decoder; null leaves only the mark of generated media. */
  readonly provenance: Provenance | null;
}

export interface DecodeProgress {
  readonly type: 'progress';
  readonly step: number;
  readonly steps: number;
}
/** A picture of the unfinished medium, small and cheap. */
export interface DecodePreview {
  readonly type: 'preview';
  readonly step: number;
  readonly media: Media;
}
export interface DecodeResult {
  readonly type: 'media';
  readonly media: Media;
  /** What outputs that follow it in its group may attend to, so that they come out in step; absent where nothing can follow. */
  readonly companion?: Conditioning;
}

/** Conditioning to one medium of one modality. Checks `context.signal` before every denoising step. */
export interface Decoder extends Disposable {
  readonly modality: string;
  /**
   * Schema of `DecodeRequest.options`: an object, no additional properties, a default for each. A property with `metadata: false`
   * does not determine the medium, such as how often it is previewed, and is not written into it.
   */
  readonly options: JsonSchema;
  readonly references: readonly ReferenceRole[];
  /** Modalities of the media that it can follow; absent where it follows any. */
  readonly follows?: readonly string[];
  /** Whether `DecodeRequest.negative` is honoured. */
  readonly negative: boolean;
  /**
   * Compares references before the job is queued, where the request settles them, and looks at the options where it names the output;
   * throws `bad_input`, `bad_media`, `unsupported` for a file format that cannot be written here. Absent where everything goes.
   */
  check?(references: readonly Reference[], context: Context, options?: DecodeRequest['options'] | null): Promise<void>;
  /**
   * Puts media of the outputs that followed it in its group into the file of `media`, such as the sound of a video; nothing is
   * encoded anew that was encoded, metadata stay. Absent where a file holds one medium. Throws `bad_input` for a format that cannot hold them.
   */
  join?(media: Media, followers: readonly Media[], context: Context): Promise<Media>;
  decode(request: DecodeRequest, context: Context): AsyncGenerator<DecodeProgress | DecodePreview | DecodeResult>;
}

/** How a factory reads its files and opens its graphs; given to it by the engine. */
export interface ComponentSource {
  /** Name of the component in the bundle. */
  readonly name: string;
  /** The component's `config`, already checked against the factory's schema. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Absolute path of a file declared by the component. Throws `bundle_invalid` for one that is not declared. */
  path(file: string): string;
  readonly device: Device;
  /** Says in a sentence what whoever opens the bundle should know, such as a server that does not answer; absent where nobody listens. */
  note?(text: string): void;
}

/**
 * Widths of named ports: `{ tokens: [16, 384] }`; null is a free axis. Names by kind:
 * encoder out `tokens` [null, d_enc] and, where it has one, `joint` [d_joint];
 * input projector in `tokens`, out `embeds` [null, d_model]; with both counts free it gives one embedding a token;
 * language model in `embeds/MODALITY` [m, d_model] for each modality that it reads, out `hidden/OUTPUT` [N, d_model] for each
 * output that it has signal tokens for; `embeds` or `hidden` alone stands for every one;
 * output projector in `hidden` [N, d_model] for a signal, `joint` [d_joint] for a joint embedding, nothing for a prompt,
 * out the ports of its conditioning; decoder in the ports of its conditioning and, where it can follow another in a group,
 * `companion/PORT` for each port of a companion that it reads, out the ports of the companion that it gives.
 */
export type Ports = Readonly<Record<string, readonly (number | null)[]>>;

/** An engine as a component: jobs and embeddings come checked against `describe`. */
export interface WholeEngine extends Pick<Engine, 'describe' | 'run' | 'embed'>, Disposable {}

export interface ComponentKinds {
  readonly encoder: Encoder;
  readonly 'input-projector': InputProjector;
  readonly 'language-model': LanguageModel;
  readonly 'output-projector': OutputProjector;
  readonly decoder: Decoder;
  /** A whole engine that is elsewhere; alone in its bundle. */
  readonly engine: WholeEngine;
}
export type ComponentKind = keyof ComponentKinds;

/** One way to make one kind of component from files: what `uses` names in `bundle.json`. */
export interface Factory<K extends ComponentKind = ComponentKind> {
  readonly kind: K;
  /** Unique within its kind, such as `flow-transformer-image`. */
  readonly name: string;
  /** Schema of the component's `config`. */
  readonly config: JsonSchema;
  /** Ports in and out as this config makes them; compared along every edge when a bundle is opened. */
  ports(config: Readonly<Record<string, unknown>>): { readonly in: Ports; readonly out: Ports };
  open(source: ComponentSource): Promise<ComponentKinds[K]>;
}
export type AnyFactory = { [K in ComponentKind]: Factory<K> }[ComponentKind];

export type Device = 'cpu' | 'cuda' | 'webgpu' | 'coreml' | 'dml';
export type DeviceChoice = 'auto' | Device;

export type Route = 'auto' | 'chat' | 'direct';

/** One unit of work. Plain data: it crosses process borders. */
export interface JobRequest {
  readonly id: string;
  /** The conversation; the last message is the user's. */
  readonly messages: readonly Message[];
  /** Outputs wanted, in order; null lets the language model decide. */
  readonly outputs: readonly string[] | null;
  readonly route: Route;
  /** Integer from 0 to 2^53 - 1. Variant i of `count` is the whole job at `seed + i`. */
  readonly seed: number;
  readonly count: number;
  /** Options by output; `text` holds `SamplingOptions`. */
  readonly options: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly negativePrompt: string | null;
  /** Applies to the picture that is edited: white may change, black stays. */
  readonly mask: Media | null;
  /** Weighted sum of joint embeddings as the source of the direct route; null uses the messages. */
  readonly mix: readonly { readonly weight: number; readonly part: Part }[] | null;
  /** Whether the prompt and settings are written into made files. */
  readonly metadata: boolean;
}

/** Fields common to events about one part of the reply: which variant, and its place in the reply (from 0). */
interface PartOfReply {
  readonly variant: number;
  readonly part: number;
}

export type JobEventBody =
  | { readonly type: 'job-queued'; readonly position: number }
  | { readonly type: 'job-start'; readonly bundle: string; readonly device: Device; readonly seed: number; readonly count: number }
  | ({ readonly type: 'text-delta'; readonly text: string } & PartOfReply)
  | ({ readonly type: 'media-start'; readonly output: string; readonly modality: string; readonly seed: number; readonly references: readonly number[]; readonly prompt?: string } & PartOfReply)
  | ({ readonly type: 'media-progress'; readonly step: number; readonly steps: number } & PartOfReply)
  | ({ readonly type: 'media-preview'; readonly step: number; readonly media: Media } & PartOfReply)
  | ({ readonly type: 'media-end'; readonly output: string; readonly modality: string; readonly mediaType: string; readonly seed: number; readonly media: Media } & PartOfReply)
  | { readonly type: 'embedding'; readonly input: number; readonly modality: string; readonly embedding: readonly number[] }
  | { readonly type: 'trace'; readonly stage: string; readonly component: string; readonly shapes: Readonly<Record<string, readonly number[]>>; readonly milliseconds: number }
  | { readonly type: 'job-warning'; readonly code: string; readonly message: string }
  | { readonly type: 'job-end'; readonly usage: { readonly inputTokens: number; readonly outputTokens: number } }
  | { readonly type: 'job-abort'; readonly reason: string }
  | { readonly type: 'job-error'; readonly code: string; readonly message: string };

/** What happens to a job. Exactly one of `job-end`, `job-abort`, `job-error` comes, last. `attempt` counts from 1. */
export type JobEvent = JobEventBody & { readonly job: string; readonly attempt: number };

/** A request for embeddings in the joint space. */
export interface EmbedRequest {
  readonly id: string;
  readonly inputs: readonly Part[];
}

/** What an engine can do with its bundle, as plain data. */
export interface EngineDescription {
  readonly bundle: string;
  readonly version: string;
  readonly licence: string;
  readonly device: Device;
  /** Set where the device asked for could not be had. */
  readonly deviceNote: string | null;
  /** What cannot be done with this bundle, a sentence each; absent where there is nothing to say. */
  readonly notes?: readonly string[];
  /** What the bundle's makers say that it cannot do, for people: a plain sentence each. */
  readonly limits?: readonly string[];
  /** The bundle's model card in Markdown, for people; absent where it has none. */
  readonly card?: string;
  readonly inputs: readonly {
    readonly modality: string;
    readonly mediaTypes: readonly string[];
    readonly signatures: readonly Signature[];
    readonly joint: boolean;
    readonly chat: boolean;
  }[];
  readonly outputs: readonly {
    readonly name: string;
    readonly modality: string;
    readonly options: JsonSchema;
    readonly sources: readonly Source['type'][];
    readonly references: readonly ReferenceRole[];
    readonly negative: boolean;
  }[];
  /** Schema of `options.text`; null where the bundle has no language model. */
  readonly text: JsonSchema | null;
}

/** The one door to the models. Implemented in this process and by a child process. */
export interface Engine {
  describe(): Promise<EngineDescription>;
  /**
   * Validates a job as `run` does before `job-queued`, and runs nothing. Throws what `run` would end with.
   * `isNext` says that `run` of it follows at once: an engine may let long jobs pause for that moment.
   */
  check(job: JobRequest, signal?: AbortSignal, isNext?: boolean): Promise<void>;
  /**
   * Runs a job. Aborting `signal`, or leaving the loop, cancels it.
   * `isLong` says that it is much work: an engine may let the first results of others go before its steps from the first one on.
   */
  run(job: JobRequest, signal?: AbortSignal, isLong?: boolean): AsyncGenerator<JobEvent>;
  embed(request: EmbedRequest, signal?: AbortSignal): AsyncGenerator<JobEvent>;
  close(): Promise<void>;
}
