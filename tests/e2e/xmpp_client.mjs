// @xmpp/client as two users: one over TCP with STARTTLS, one over WebSocket. Arguments: c2s port, WebSocket URL.
import { webcrypto } from 'node:crypto';
import { WebSocket } from 'ws';
import { client, xml } from '@xmpp/client';

globalThis.WebSocket ??= WebSocket; // Debian's Node.js 18 has neither
globalThis.crypto ??= webcrypto;
const [, , port, ws] = process.argv;

async function come(service, username) {
  const installation = xml('user-agent', { id: webcrypto.randomUUID() });
  const one = client({ service, domain: 'localhost', username, password: 'secret', userAgent: installation });
  one.installation = installation;
  one.timeout = 20000; // for each step; its own 2 s are short on a busy machine
  const inbox = [];
  const waiting = [];
  one.inbox = inbox;
  one.on('error', (error) => {
    if (error.code === 'ECONNRESET') return; // we cut it ourselves
    // Behind STARTTLS it may miss the stream header, for which it looks when that has come already, and wait for another that the
    // login by SASL2 does not need. A step that really hangs has no end.
    if (error.name === 'TimeoutError') return;
    console.error(username, error.stack);
    process.exit(1);
  });
  one.on('stanza', (stanza) => {
    if (!stanza.is('message')) return;
    inbox.push(stanza);
    waiting.splice(0).forEach((wake) => wake());
  });
  one.message = async () => {
    while (!inbox.length) await new Promise((wake) => waiting.push(wake));
    return inbox.shift();
  };
  // @xmpp/client counts from a moment after <enabled/>, which is in <success/>, and leaves out answers of its iq caller: none come before the cuts.
  const enabled = new Promise((done) => one.on('element', (e) => e.is('success', 'urn:xmpp:sasl:2') && setImmediate(done)));
  one.address = await one.start();
  await enabled;
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

// Stream management: the sockets are cut, both sessions go on, each message comes once.
async function cut(one) {
  const { id } = one.streamManagement;
  if (!id) throw new Error('no stream management');
  const resumed = new Promise((done) => one.streamManagement.once('resumed', done));
  const line = one.socket.socket ?? one.socket;
  (line.destroy ?? line.terminate ?? line.close).call(line);
  return { resumed, id };
}
for (const [one, other] of [[alice, bob], [bob, alice]]) {
  const { resumed, id } = await cut(one);
  await other.send(xml('message', { to: one.address.toString(), type: 'chat' }, xml('body', {}, 'in the gap')));
  await resumed;
  if (one.streamManagement.id !== id) throw new Error('another session');
  const late = await one.message();
  if (late.getChildText('body') !== 'in the gap') throw new Error(late.toString());
  await one.send(xml('message', { to: other.address.toString(), type: 'chat' }, xml('body', {}, 'after it')));
  const after = await other.message();
  if (after.getChildText('body') !== 'after it') throw new Error(after.toString());
}
const roster = await alice.iqCaller.request(xml('iq', { type: 'get' }, xml('query', 'jabber:iq:roster')));
if (!roster.getChild('query')) throw new Error(roster.toString());
if (alice.inbox.length || bob.inbox.length) throw new Error('something came twice');
// A login without a password: by the token that the first one brought (XEP-0484), which another password ends.
const token = await bob.fast.fetchToken();
if (!token?.token || token.mechanism !== 'HT-SHA-256-NONE' || !(new Date(token.expiry) > new Date())) throw new Error('no token');
await bob.stop();
for (const right of [true, false]) {
  const again = client({ service: ws, domain: 'localhost', username: 'bob', userAgent: bob.installation,
    credentials: async (authenticate, mechanisms, fast, entity) => authenticate({ username: 'bob', password: 'no such password',
      token: right ? token : { ...token, token: 'another' } }, 'PLAIN', bob.installation) });
  again.timeout = 20000;
  let refused = false;
  again.on('error', (error) => { refused = error.condition === 'not-authorized'; });
  const came = await again.start().then(() => true, (error) => { refused ||= error.condition === 'not-authorized'; return false; });
  if (came !== right || refused === right) throw new Error(`token login: ${came}`);
  again.reconnect.stop();
  if (came) await again.stop();
}
await alice.stop();
console.log('done');
process.exit(0); // the refused one would come again
