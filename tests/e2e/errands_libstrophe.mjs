// The errands with libstrophe, on pipes (strophe_pipe.c). Debian's version has no stream management: it cannot resume.
// Arguments: program, port, certificate.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import './errands.js';

const [, , program, port, certificate] = process.argv;

async function come(jid) {
  const one = spawn(program, [jid, 'secret', port, certificate], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: one.stdout })[Symbol.asyncIterator]();
  const { value: full } = await lines.next();
  const inbox = new Inbox();
  let asked = 0;
  (async () => { for await (const line of { [Symbol.asyncIterator]: () => lines }) inbox.put(line); })();
  const send = (xml) => one.stdin.write(`${xml}\n`);
  return {
    full,
    send,
    next: (what, test) => inbox.next(what, test),
    request: (xml) => {
      const id = `ask${++asked}`;
      send(xml.replace(/^<iq/, `<iq id="${id}"`));
      return inbox.next(`the answer to ${xml}`, (text) => text.startsWith('<iq') && text.includes(`id="${id}"`));
    },
    go: () => new Promise((done, fail) => {
      one.on('exit', (code) => (code ? fail(new Error(`libstrophe ended with ${code}`)) : done()));
      one.stdin.end();
    }),
  };
}

setTimeout(() => { console.error('no end within 150 s'); process.exit(1); }, 150000).unref();
const [alice, tablet, bob] = await Promise.all(['alice@localhost/desk', 'alice@localhost/tablet', 'bob@localhost/phone'].map(come));
await errands({ alice, tablet, bob }, (line) => console.log('libstrophe', line));
for (const one of [alice, tablet, bob]) await one.go();
console.log('done');
