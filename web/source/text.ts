// Every word that the page shows, in English. A language is one more object of the same shape.

const english = {
  name: 'anymodal',
  tagline: 'Any mix of text, pictures, sounds and videos in, any mix out.',
  skip: 'Skip to the conversation',
  tabs: { chat: 'Chat', mixer: 'Mixer', library: 'Library', model: 'Model' },
  theme: { auto: 'Theme: as the system', light: 'Theme: light', dark: 'Theme: dark' },
  modality: { text: 'Text', image: 'Picture', audio: 'Sound', speech: 'Speech', video: 'Video', depth: 'Depth', thermal: 'Thermal', imu: 'Motion' } as Readonly<Record<string, string>>,
  chat: {
    animate: 'make a short video of it',
    new: 'New conversation',
    history: 'Conversations',
    empty: 'What would you like to see or hear?',
    emptyMore: 'Ask in words, drop a file, or start with one of these.',
    suggestions: ['draw a red fox', 'make a short video of a bouncing ball, with its sound', 'play a piano tune', 'say "good morning, everyone"'],
    placeholder: 'Ask for anything, or drop a file here',
    send: 'Send',
    stop: 'Stop',
    you: 'You',
    attach: 'Attach files',
    microphone: 'Record a sound',
    microphoneStop: 'Stop recording',
    camera: 'Take a picture',
    cameraTake: 'Take the picture',
    remove: 'Remove',
    drop: 'Drop files to attach them',
    wanted: 'Answer with',
    auto: 'Auto',
    autoHint: 'The model decides',
    settings: 'Settings',
    again: 'Try again',
    cancelled: 'Stopped.',
    queued: 'Waiting',
    queuedBehind: (count: number): string => (count === 0 ? 'Next in line' : count === 1 ? '1 job is before this one' : `${count} jobs are before this one`),
    thinking: 'Thinking',
    restarted: 'The engine was lost, so this runs again.',
    loading: 'Opening the conversation',
    opening: (model: string): string => `Loading ${model} …`,
  },
  media: {
    step: (step: number, steps: number): string => `step ${step} of ${steps}`,
    secondsLeft: (seconds: number): string => (seconds < 1 ? 'less than a second left' : `about ${Math.ceil(seconds)} s left`),
    edit: 'Edit this',
    mask: 'Paint what may change',
    variations: 'Variations',
    animate: 'Animate',
    download: 'Download',
    copy: 'Copy as request',
    details: 'Details',
    copied: 'Copied',
    seed: 'Seed',
    play: 'Play',
    pause: 'Pause',
    alt: (title: string | null, kind: string): string => (title === null || title === '' ? kind : `${kind}: ${title}`),
    gone: 'This file is no longer kept.',
    starting: 'Starting',
    previewOf: (step: number): string => `Preview at step ${step}`,
  },
  mask: { title: 'Paint what may change', brush: 'Brush size', clear: 'Clear', invert: 'Invert', use: 'Use this mask', cancel: 'Cancel', hint: 'The painted part is drawn anew; the rest stays.', keyboard: 'With the keyboard: arrow keys move the brush, Space paints.' },
  settings: {
    title: 'Settings', seed: 'Seed', seedRandom: 'random each time', negative: 'Without', negativeHint: 'what should not be in it', count: 'How many', reset: 'Back to defaults', default: 'default',
    route: 'Route', routes: { auto: 'Auto', chat: 'Through the language model', direct: 'Straight to the decoders' },
    none: 'Nothing to set here.',
  },
  mixer: {
    title: 'Mixer', intro: 'Add and subtract things in the joint space: every word, picture, sound and video is a direction, and their weighted sum is drawn.',
    addText: 'Add words', addFile: 'Add a file', weight: 'Weight', make: 'Make a', live: 'Draw again at every change', run: 'Mix', empty: 'Add two things to mix, such as a picture and a word.', remove: 'Remove', words: 'words',
    formula: 'The sum',
  },
  library: {
    title: 'Library', conversations: 'Conversations', media: 'Media', search: 'Search by words', likeness: 'By likeness', all: 'All kinds', empty: 'Nothing is kept yet.', nothing: 'Nothing found.', rename: 'Rename', renameTo: 'New title', keep: 'Keep this title', leave: 'Leave it as it was', delete: 'Delete', export: 'Export', open: 'Open', similar: 'More like this',
    confirm: (name: string): string => `Delete ${name}? This cannot be undone.`, untitled: 'Untitled', more: 'Show more', use: 'Use in the chat',
  },
  trace: {
    title: 'How it was made', time: 'Time', ran: 'What ran', flow: 'What flowed', strip: 'Previews', signals: 'Signals', empty: 'This answer has no trace.', open: 'How it was made', milliseconds: (value: number): string => (value < 1000 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(1)} s`),
    stages: { encoder: 'Encoder', 'input-projector': 'Input projector', 'language-model': 'Language model', signal: 'Signal', 'output-projector': 'Output projector', decoder: 'Decoder', join: 'Join' } as Readonly<Record<string, string>>,
    tokens: (read: number, written: number): string => `${read} tokens read, ${written} written`, points: (count: number): string => `points at medium ${count}`,
  },
  model: { title: 'Model', licence: 'Licence', reads: 'Reads', makes: 'Makes', state: 'State', version: 'Version', limits: 'What it cannot do', card: 'Model card', choose: 'Model', options: 'Limits and options' },
  request: { title: 'Copy as request', hint: 'The same thing over HTTP.', copy: 'Copy', languages: { curl: 'curl', typescript: 'TypeScript', python: 'Python' } },
  errors: { unreachable: 'The server does not answer. It is tried again.', title: 'That did not work', dismiss: 'Dismiss', camera: 'The camera cannot be used here.', microphone: 'The microphone cannot be used here.' },
  signIn: { intro: 'This server needs a key. Whoever runs it makes one: anymodal keys add NAME.', key: 'Key', go: 'Open' },
  close: 'Close',
  loading: 'Loading',
};

export type Text = typeof english;

/** The catalogue that the page uses. */
export const text: Text = english;

/** Name of a modality or output for people. */
export function nameOf(modality: string): string {
  return text.modality[modality] ?? modality;
}
