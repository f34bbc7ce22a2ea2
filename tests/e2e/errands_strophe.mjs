// The errands with Strophe.js in Chromium, each client a page of its own: BOSH, and WebSocket with stream management.
// Arguments: base URL, WebSocket URL, file of Strophe.js.
import { chromium } from 'playwright-core';
import './errands.js';

const [, , base, ws, strophe] = process.argv;
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

// In the page: logs in, hands on what comes.
function start([service, jid]) {
  const { Strophe } = window;
  const conn = new Strophe.Connection(service, { enableStreamManagement: service.startsWith('ws') });
  window.conn = conn;
  const text = (el) => new XMLSerializer().serializeToString(el);
  const element = (xml) => new DOMParser().parseFromString(xml.replace(/^<(\w+)/, '<$1 xmlns="jabber:client"'), 'text/xml').documentElement;
  window.say = (xml) => conn.send(element(xml));
  window.ask = (xml) => new Promise((done, fail) => {
    conn.sendIQ(element(xml), (answer) => done(text(answer)), (answer) => (answer ? done(text(answer)) : fail(new Error('no answer'))), 20000);
  });
  const listen = () => { // Strophe forgets handlers with the connection
    for (const kind of ['message', 'presence']) conn.addHandler((el) => { window.came(text(el)); return true; }, null, kind);
    conn.addHandler((el) => {
      window.came(text(el));
      conn.send(element(`<iq type="result" id="${el.getAttribute('id')}"/>`));
      return true;
    }, 'jabber:iq:roster', 'iq', 'set');
  };
  const connect = () => new Promise((done, fail) => {
    listen();
    conn.connect(jid, 'secret', (status) => {
      if (status === Strophe.Status.CONNECTED) done();
      if (status === Strophe.Status.AUTHFAIL || status === Strophe.Status.CONNFAIL) fail(new Error(`status ${status}`));
    });
  });
  window.leave = () => new Promise((done) => {
    const before = conn.connect_callback;
    conn.connect_callback = (status) => { before(status); if (status === Strophe.Status.DISCONNECTED) done(); };
    conn.disconnect('done');
  });
  window.cut = async () => {
    if (service.startsWith('ws')) {
      const over = new Promise((done) => conn._proto.socket.addEventListener('close', done));
      conn._proto.socket.close();
      await over;
      await new Promise((done) => setTimeout(done)); // Strophe takes note in a handler of its own
      await connect();
      if (!conn.hasResumed()) throw new Error('another session');
    } else {
      conn._proto._requests.forEach((request) => request.xhr.abort()); // Strophe sends them again under their rid
    }
  };
  return connect().then(() => { conn.send(element('<presence/>')); return conn.jid; });
}

async function come(service, jid) {
  const context = await browser.newContext();
  await context.route((url) => url.hostname !== 'localhost', (route) => route.abort());
  const page = await context.newPage();
  const inbox = new Inbox();
  await page.goto(`${base}/errands`); // there is none, but it comes from the server: a made-up page may not speak to loopback
  await page.addScriptTag({ path: strophe });
  await page.exposeFunction('came', (xml) => inbox.put(xml));
  const full = await page.evaluate(start, [service, jid]);
  return {
    full,
    send: (xml) => page.evaluate((one) => window.say(one), xml),
    next: (what, test) => inbox.next(what, test),
    request: (xml) => page.evaluate((one) => window.ask(one), xml),
    cut: () => page.evaluate(() => window.cut()),
    go: async () => { await page.evaluate(() => window.leave()); await context.close(); },
  };
}

setTimeout(() => { console.error('no end within 200 s'); process.exit(1); }, 200000).unref();
for (const service of [`${base}/http-bind`, ws]) {
  const [alice, tablet, bob] = await Promise.all([come(service, 'alice@localhost/desk'), come(service, 'alice@localhost/tablet'), come(service, 'bob@localhost/phone')]);
  await errands({ alice, tablet, bob }, (line) => console.log(service, line));
  await alice.request('<iq type="set"><query xmlns="jabber:iq:roster"><item jid="bob@localhost" subscription="remove"/></query></iq>');
  for (const one of [alice, tablet, bob]) await one.go();
}
await browser.close();
console.log('done');
