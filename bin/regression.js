#!/usr/bin/env node
// The installed command. Says plainly which Node is needed before any newer syntax is loaded.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 22)) {
  process.stderr.write(
    `regression needs Node 22.22 or newer, this is ${process.versions.node}.\n` +
      'Hint: inside a checkout, `npm start` and `npx regression` use the Node 24 that `npm ci` brought.\n',
  );
  process.exit(2);
}
// Before all else is loaded, as the next two: the first process of a container would be deaf until then.
(await import('../dist/runtime/first-process.js')).endByEarlySignals();
// Loading makes garbage enough for the heap to grow by a third of what the daemon takes.
(await import('../dist/runtime/heap-size.js')).keepHeapSmall();
// A daemon starts once, and would hold what it has read from there for as long as it runs: 5 MB.
if (!process.argv.includes('run')) (await import('../dist/runtime/compile-cache.js')).keepCompiledCode(process.env);
await import('../dist/main.js');
