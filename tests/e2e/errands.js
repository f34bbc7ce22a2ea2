/* What every stock client must be able to do with this server, written once. A client is an object with
 *   name, full                      its full JID
 *   request(xml)                    sends an iq and resolves to the answer's XML, errors too
 *   send(xml)
 *   next(what, test)                the first stanza not looked at yet whose XML passes the test
 *   cut()                           its line breaks; resolves when the session was resumed. Missing: it cannot
 * It runs in Node.js and in a browser; stanzas are strings, so that it depends on no client's way of holding them. */
(() => {
  const must = (truth, what, got) => {
    if (!truth) throw new Error(`${what}: ${got}`);
  };
  const has = (...parts) => (xml) => parts.every((part) => (part instanceof RegExp ? part.test(xml) : xml.includes(part)));
  const bare = (jid) => jid.split('/')[0];

  async function ask(who, type, child, to) {
    return who.request(`<iq type="${type}"${to ? ` to="${to}"` : ''}>${child}</iq>`);
  }
  const ok = (answer, what) => must(/^<iq[^>]*type=["']result["']/.test(answer), what, answer);

  async function roster({ alice, bob }) {
    ok(await ask(alice, 'get', '<query xmlns="jabber:iq:roster"/>'), 'the roster');
    ok(await ask(bob, 'get', '<query xmlns="jabber:iq:roster"/>'), 'the roster');
    ok(await ask(alice, 'set', `<query xmlns="jabber:iq:roster"><item jid="${bare(bob.full)}" name="Bob"><group>Work</group></item></query>`),
      'a roster set');
    await alice.next('a roster push', has('jabber:iq:roster', 'Work', /type=["']set["']/));
    must((await ask(alice, 'get', '<query xmlns="jabber:iq:roster"/>')).includes('Bob'), 'the item', '');
  }

  async function subscription({ alice, bob }) {
    await alice.send(`<presence to="${bare(bob.full)}" type="subscribe"/>`);
    await bob.next('a request', has(/type=["']subscribe["']/, bare(alice.full)));
    await bob.send(`<presence to="${bare(alice.full)}" type="subscribed"/>`);
    await alice.next('the approval', has(/type=["']subscribed["']/));
    await alice.next('the presence of the contact', has('<presence', bob.full));
  }

  async function chat({ alice, bob }) {
    await alice.send(`<message to="${bare(bob.full)}" type="chat" id="c1"><body>Grüße &lt;&amp;&gt;</body></message>`);
    await bob.next('a message', has('Grüße &lt;&amp;', alice.full));
    await bob.send(`<message to="${alice.full}" type="chat" id="c2"><body>back</body></message>`);
    await alice.next('a message', has('>back<'));
  }

  async function carbons({ alice, tablet, bob }) {
    for (const one of [alice, tablet]) ok(await ask(one, 'set', '<enable xmlns="urn:xmpp:carbons:2"/>'), 'carbons');
    await bob.send(`<message to="${alice.full}" type="chat" id="c3"><body>for both</body></message>`);
    await tablet.next('a copy of what came', has('urn:xmpp:carbons:2', '<received', 'urn:xmpp:forward:0', 'for both'));
    await alice.next('the message', has('for both'));
    await alice.send(`<message to="${bob.full}" type="chat" id="c4"><body>from one</body></message>`);
    await tablet.next('a copy of what went', has('urn:xmpp:carbons:2', '<sent', 'from one'));
    await bob.next('the message', has('from one'));
    for (const one of [alice, tablet]) ok(await ask(one, 'set', '<disable xmlns="urn:xmpp:carbons:2"/>'), 'no carbons');
  }

  async function resumption({ alice, bob }) {
    if (!alice.cut) return false;
    const resumed = alice.cut();
    await bob.send(`<message to="${alice.full}" type="chat" id="c5"><body>in the gap</body></message>`);
    await resumed;
    await alice.next('what came in between', has('in the gap'));
    await alice.send(`<message to="${bob.full}" type="chat" id="c6"><body>after the gap</body></message>`);
    await bob.next('a message of the resumed session', has('after the gap'));
    return true;
  }

  async function blocking({ alice, bob }) {
    const item = `<item jid="${bare(bob.full)}"/>`;
    ok(await ask(alice, 'set', `<block xmlns="urn:xmpp:blocking">${item}</block>`), 'a block');
    must((await ask(alice, 'get', '<blocklist xmlns="urn:xmpp:blocking"/>')).includes(bare(bob.full)), 'the block list', '');
    await bob.send(`<message to="${bare(alice.full)}" type="chat" id="c7"><body>hello?</body></message>`);
    await bob.next('the refusal', has('service-unavailable', /type=["']error["']/, 'c7'));
    ok(await ask(alice, 'set', `<unblock xmlns="urn:xmpp:blocking">${item}</unblock>`), 'an unblock');
    await bob.send(`<message to="${bare(alice.full)}" type="chat" id="c8"><body>again</body></message>`);
    await alice.next('a message of who was unblocked', has('>again<'));
  }

  async function card({ alice, bob }) {
    ok(await ask(alice, 'set', '<vCard xmlns="vcard-temp"><FN>Alice Liddell</FN></vCard>'), 'a card');
    const seen = await ask(bob, 'get', '<vCard xmlns="vcard-temp"/>', bare(alice.full));
    must(seen.includes('Alice Liddell'), 'the card', seen);
  }

  async function privateStorage({ alice }) {
    ok(await ask(alice, 'set', '<query xmlns="jabber:iq:private"><notes xmlns="urn:example:notes">remember</notes></query>'), 'a note');
    const kept = await ask(alice, 'get', '<query xmlns="jabber:iq:private"><notes xmlns="urn:example:notes"/></query>');
    must(kept.includes('remember'), 'the note', kept);
  }

  async function command({ alice, bob }) {
    const COMMANDS = 'http://jabber.org/protocol/commands';
    const node = 'http://jabber.org/protocol/admin#get-online-users-num';
    const list = (who) => ask(who, 'get', `<query xmlns="http://jabber.org/protocol/disco#items" node="${COMMANDS}"/>`, 'localhost');
    must((await list(alice)).includes(node), 'the list of commands', await list(alice));
    must(!(await list(bob)).includes(node), 'what others are shown', await list(bob));
    const run = (who) => ask(who, 'set', `<command xmlns="${COMMANDS}" node="${node}" action="execute"/>`, 'localhost');
    let answer = await run(alice);
    ok(answer, 'a command');
    const session = /sessionid=["']([^"']*)["']/.exec(answer)?.[1];
    if (/status=["']executing["']/.test(answer)) {
      answer = await ask(alice, 'set', `<command xmlns="${COMMANDS}" node="${node}" sessionid="${session}" action="complete">` +
        '<x xmlns="jabber:x:data" type="submit"/></command>', 'localhost');
    }
    must(/status=["']completed["']/.test(answer), 'its end', answer);
    must((await run(bob)).includes('forbidden'), 'what others may not', '');
  }

  globalThis.errands = async (clients, say) => {
    const all = { roster, subscription, chat, carbons, resumption, blocking, card, privateStorage, command };
    for (const [name, errand] of Object.entries(all)) {
      try {
        say(`${(await errand(clients)) === false ? 'cannot' : 'ok'} ${name}`);
      } catch (error) {
        throw new Error(`${name}: ${error.message ?? error}`);
      }
    }
  };

  /* For a client: keeps what came until somebody looks for it. */
  globalThis.Inbox = class {
    constructor() { this.kept = []; this.waiting = []; }
    put(xml) {
      const at = this.waiting.findIndex((one) => one.test(xml));
      if (at >= 0) this.waiting.splice(at, 1)[0].done(xml);
      else this.kept.push(xml);
    }
    next(what, test) {
      const at = this.kept.findIndex(test);
      if (at >= 0) return Promise.resolve(this.kept.splice(at, 1)[0]);
      return new Promise((done, fail) => {
        const timer = setTimeout(() => fail(new Error(`${what} did not come; there was ${this.kept.join('\n') || 'nothing'}`)), 20000);
        this.waiting.push({ test, done: (xml) => { clearTimeout(timer); done(xml); } });
      });
    }
  };
})();
