// Every folder of routes that the server has, a line each. A new one is added here and nowhere else.
// Knows no route.

import type { Routes } from './routes.ts';

export const mounted: readonly Routes[] = [];
