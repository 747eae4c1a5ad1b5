#!/usr/bin/env node
// The command `anymodal`: makes sure that Node is new enough, then starts the command line.
// Plain JavaScript that old versions of Node parse; knows no command.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

const source = new URL('./main.ts', import.meta.url);
const inCheckout = existsSync(source);
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const newEnough = major > 22 || (major === 22 && minor >= 13);
// In a checkout Node itself has to read TypeScript, which versions before 22.18 do only when asked to.
const suitable = newEnough && (!inCheckout || Boolean(process.features.typescript));

if (suitable) {
  const { start } = await import(inCheckout ? source.href : new URL('../../dist/src/cli/main.js', import.meta.url).href);
  await start();
} else {
  const bundled = ['node', 'node.exe']
    .map((name) => fileURLToPath(new URL(`../../node_modules/node/bin/${name}`, import.meta.url)))
    .find((path) => path !== process.execPath && existsSync(path));
  if (inCheckout && bundled !== undefined) runWith(bundled);
  else {
    const mend = inCheckout ? 'run `npm ci` in the checkout, which brings a suitable one, or install Node 22.18 or newer' : 'install Node 22.13 or newer';
    process.stderr.write(`anymodal: this is Node ${process.versions.node}, which is too old; ${mend}.\n`);
    process.exitCode = 1;
  }
}

function runWith(node) {
  const child = spawn(node, [...process.execArgv, fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      // A terminal sends Ctrl-C to the child as well; sending it again would be the second Ctrl-C.
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    });
  }
  child.on('error', (error) => {
    process.stderr.write(`anymodal: ${node} does not start: ${error.message}. Run \`npm ci\` again.\n`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    // As a shell tells of a process that a signal ended.
    process.exit(code ?? 128 + (constants.signals[signal] ?? 0));
  });
}
