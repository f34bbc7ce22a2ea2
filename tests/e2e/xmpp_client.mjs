// @xmpp/client as two users: one over TCP with STARTTLS, one over WebSocket. Arguments: c2s port, WebSocket URL.
import { webcrypto } from 'node:crypto';
import { WebSocket } from 'ws';
import { client, xml } from '@xmpp/client';

globalThis.WebSocket ??= WebSocket; // Debian's Node.js 18 has neither
globalThis.crypto ??= webcrypto;
const [, , port, ws] = process.argv;

async function come(service, username) {
  const one = client({ service, domain: 'localhost', username, password: 'secret' });
  const inbox = [];
  const waiting = [];
  one.on('error', (error) => { console.error(username, error.message); process.exit(1); });
  one.on('stanza', (stanza) => {
    if (!stanza.is('message')) return;
    inbox.push(stanza);
    waiting.splice(0).forEach((wake) => wake());
  });
  one.message = async () => {
    while (!inbox.length) await new Promise((wake) => waiting.push(wake));
    return inbox.shift();
  };
  one.address = await one.start();
  await one.send(xml('presence'));
  return one;
}

setTimeout(() => { console.error('no end within 30 s'); process.exit(1); }, 30000).unref();
const alice = await come(`xmpp://localhost:${port}`, 'alice');
const bob = await come(ws, 'bob');
await alice.send(xml('message', { to: bob.address.toString(), type: 'chat' }, xml('body', {}, 'over TCP <&>')));
const got = await bob.message();
if (got.getChildText('body') !== 'over TCP <&>' || got.attrs.from !== alice.address.toString()) throw new Error(got.toString());
await bob.send(xml('message', { to: 'alice@localhost', type: 'chat' }, xml('body', {}, 'over WebSocket')));
const back = await alice.message();
if (back.getChildText('body') !== 'over WebSocket') throw new Error(back.toString());
const roster = await alice.iqCaller.request(xml('iq', { type: 'get' }, xml('query', 'jabber:iq:roster')));
if (!roster.getChild('query')) throw new Error(roster.toString());
await bob.stop();
await alice.stop();
console.log('done');
