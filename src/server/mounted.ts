// Every folder of routes that the server has, a line each. A new one is added here and nowhere else.
// Knows no route.

import { chatRoutes } from './chat/index.ts';
import { audioRoutes } from './audio/index.ts';
import { conversationRoutes } from './conversations/index.ts';
import { embeddingRoutes } from './embeddings/index.ts';
import { imageRoutes } from './images/index.ts';
import { otherImageRoutes } from './images/other-shapes.ts';
import { jobRoutes } from './jobs/index.ts';
import { mediaRoutes } from './media/index.ts';
import { modelRoutes } from './models/index.ts';
import { responseRoutes } from './responses/index.ts';
import type { Routes } from './routes.ts';
import { videoRoutes } from './videos/index.ts';

export const mounted: readonly Routes[] = [
  jobRoutes,
  chatRoutes,
  responseRoutes,
  conversationRoutes,
  mediaRoutes,
  imageRoutes,
  otherImageRoutes,
  videoRoutes,
  audioRoutes,
  embeddingRoutes,
  modelRoutes,
];
