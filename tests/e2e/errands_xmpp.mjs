// The errands with @xmpp/client: over TCP with STARTTLS, over direct TLS, over WebSocket. Arguments: service URL…
import { webcrypto } from 'node:crypto';
import { WebSocket } from 'ws';
import { client, xml } from '@xmpp/client';
import parse from '@xmpp/xml/lib/parse.js';
import './errands.js';

globalThis.WebSocket ??= WebSocket; // Debian's Node.js 18 has neither
globalThis.crypto ??= webcrypto;

async function come(service, username, resource) {
  const one = client({ service, domain: 'localhost', resource, username, password: 'secret' });
  const inbox = new Inbox();
  one.timeout = 20000;
  one.on('error', (error) => { if (error.code !== 'ECONNRESET' && error.name !== 'TimeoutError') { // see xmpp_client.mjs
    console.error(username, error.stack); process.exit(1); } });
  one.on('stanza', (stanza) => { if (!stanza.is('iq') || stanza.attrs.type === 'set') inbox.put(stanza.toString()); });
  const enabled = new Promise((done) => one.on('element', (e) => e.is('success', 'urn:xmpp:sasl:2') && setImmediate(done)));
  // It looks for the stream's header only when its own was written; a quick server's has come before that, and start() fails by its own
  // clock although all goes on. What counts is that it is online.
  const online = new Promise((done) => one.once('online', done));
  one.start().catch((error) => { if (error.name !== 'TimeoutError') { console.error(username, error.stack); process.exit(1); } });
  const address = await online;
  await enabled;
  await one.send(xml('presence'));
  return {
    name: username,
    full: address.toString(),
    send: (text) => one.send(parse(text)),
    next: (what, test) => inbox.next(what, test),
    request: async (text) => {
      try {
        return (await one.iqCaller.request(parse(text), 20000)).toString();
      } catch (error) {
        if (!error.element) throw error;
        return `<iq type="error">${error.element}</iq>`;
      }
    },
    cut: () => {
      const resumed = new Promise((done) => one.streamManagement.once('resumed', done));
      const line = one.socket.socket ?? one.socket;
      (line.destroy ?? line.terminate ?? line.close).call(line);
      return resumed;
    },
    go: () => one.stop(),
  };
}

setTimeout(() => { console.error('no end within 150 s'); process.exit(1); }, 150000).unref();
for (const service of process.argv.slice(2)) {
  const [alice, tablet, bob] = await Promise.all([come(service, 'alice', 'desk'), come(service, 'alice', 'tablet'), come(service, 'bob', 'phone')]);
  await errands({ alice, tablet, bob }, (line) => console.log(service, line));
  await alice.request('<iq type="set"><query xmlns="jabber:iq:roster"><item jid="bob@localhost" subscription="remove"/></query></iq>');
  for (const one of [alice, tablet, bob]) await one.go();
}
console.log('done');
