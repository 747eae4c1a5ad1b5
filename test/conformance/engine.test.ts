import { startEngine } from '../../src/engine/client.ts';
import { createEngine } from '../../src/engine/engine.ts';
import { testEngine } from './engine.ts';

testEngine('in this process', createEngine);
testEngine('in a child process', startEngine);
