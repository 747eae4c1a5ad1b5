// Small files that tests of the command line lay down.
// Nothing here is opened by an engine.

export const onePixelPng = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');

export const bundleJson = JSON.stringify({
  format: 1, id: 'nano', version: '0.1.0', title: 'A bundle of nothing', licence: 'Apache-2.0', source: 'here', joint: 2,
  components: { decoder: { kind: 'decoder', uses: 'none', files: { model: { path: 'model.onnx', sha256: '0'.repeat(64), bytes: 5 } }, config: {} } },
  inputs: { text: { encoder: 'text', projector: null }, image: { encoder: 'image', projector: null } },
  languageModel: 'language-model',
  outputs: { image: { decoder: 'decoder', sources: {}, chat: 'signal' } },
});
