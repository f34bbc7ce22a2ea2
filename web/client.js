// What the visitor widget and the seat page share: a Strophe connection that comes back by itself, and the wording of
// stanzas in this server's live-chat protocol (docs/live-chat-protocol.md). No page looks here.
(function () {
  'use strict';
  const NS_DESK = 'urn:switchboard:desk:1';
  const NS_CHATSTATES = 'http://jabber.org/protocol/chatstates';

  class Client extends EventTarget {
    // service: BOSH (http…) or WebSocket (ws…) URL
    constructor(service) {
      super();
      this.connection = new Strophe.Connection(service, { withCredentials: service.startsWith('http') });
      this.wanted = false;
      this.delay = 1000;
    }

    emit(type, detail) { this.dispatchEvent(new CustomEvent(type, { detail })); }

    connect(jid, password) {
      this.wanted = true;
      this.jid = jid;
      this.password = password;
      this.connection.connect(jid, password, (status, condition) => this.onStatus(status, condition));
    }

    disconnect() {
      this.wanted = false;
      this.connection.disconnect();
    }

    onStatus(status, condition) {
      const S = Strophe.Status;
      if (status === S.CONNECTED || status === S.ATTACHED) {
        this.delay = 1000;
        this.connection.addHandler((m) => this.onMessage(m), null, 'message');
        this.connection.addHandler((p) => this.onPresence(p), null, 'presence');
        this.connection.addHandler((iq) => this.onRosterPush(iq), Strophe.NS.ROSTER, 'iq', 'set');
        this.connection.send($pres());
        this.roster();
        this.emit('online');
      } else if (status === S.AUTHFAIL) {
        this.wanted = false;
        this.emit('refused', condition);
      } else if (status === S.DISCONNECTED || status === S.CONNFAIL || status === S.CONNTIMEOUT) {
        this.emit('offline');
        if (this.wanted && !this.timer) {
          this.timer = setTimeout(() => {
            this.timer = null;
            this.connection.reset();
            this.connect(this.jid, this.password);
          }, this.delay);
          this.delay = Math.min(this.delay * 2, 30000);
        }
      }
    }

    // The plain roster request that assigns a seat to a visitor; for a seat, its list of visitors.
    roster() {
      const iq = $iq({ type: 'get', id: 'getmyroster' }).c('query', { xmlns: Strophe.NS.ROSTER });
      this.connection.sendIQ(iq, (answer) => {
        this.emit('roster', [...answer.getElementsByTagName('item')].map(Client.item));
      });
    }

    static item(el) {
      const group = el.getElementsByTagName('group')[0];
      return { jid: el.getAttribute('jid'), name: el.getAttribute('name') || Strophe.getNodeFromJid(el.getAttribute('jid')),
        group: group ? group.textContent : '', removed: el.getAttribute('subscription') === 'remove' };
    }

    onRosterPush(iq) {
      for (const el of iq.getElementsByTagName('item')) this.emit('item', Client.item(el));
      this.connection.send($iq({ type: 'result', id: iq.getAttribute('id') }));
      return true;
    }

    onPresence(p) {
      const show = p.getElementsByTagName('show')[0];
      this.emit('presence', { from: Strophe.getBareJidFromJid(p.getAttribute('from') || ''),
        available: p.getAttribute('type') !== 'unavailable', show: show ? show.textContent : '' });
      return true;
    }

    onMessage(m) {
      const child = (name) => [...m.childNodes].find((n) => n.localName === name);
      const body = child('body');
      const event = [...m.childNodes].find((n) => n.namespaceURI === NS_DESK && n.localName === 'event');
      const delay = child('delay');
      const state = [...m.childNodes].find((n) => n.namespaceURI === NS_CHATSTATES);
      const error = m.getAttribute('type') === 'error' ? child('error') : null;
      this.emit('message', {
        id: m.getAttribute('id'), from: Strophe.getBareJidFromJid(m.getAttribute('from') || ''),
        body: body ? body.textContent : '', kind: event ? event.getAttribute('kind') : '',
        state: state ? state.localName : '', at: delay ? new Date(delay.getAttribute('stamp')) : new Date(),
        error: error ? ([...error.childNodes].find((n) => n.localName === 'text') || error.firstElementChild || error).textContent || error.firstElementChild.localName : '',
      });
      return true;
    }

    // Returns the id, so that the page can mark a message that comes back. What is sent is taken in order: when the ping
    // behind it is answered, in whatever way, the server has it ('confirmed').
    send(to, text) {
      const id = this.connection.getUniqueId('m');
      this.connection.send($msg({ to, type: 'chat', id }).c('body').t(text).up().c('active', { xmlns: NS_CHATSTATES }));
      const ping = $iq({ type: 'get', to: Strophe.getDomainFromJid(this.connection.jid) }).c('ping', { xmlns: 'urn:xmpp:ping' });
      const confirmed = (answer) => { if (answer) this.emit('confirmed', id); };
      this.connection.sendIQ(ping, confirmed, confirmed);
      return id;
    }

    typing(to) {
      this.connection.send($msg({ to, type: 'chat' }).c('composing', { xmlns: NS_CHATSTATES }));
    }

    show(value) {
      this.connection.send(value === 'chat' ? $pres() : $pres().c('show').t(value));
    }
  }

  // A log of chat lines with the right roles; text only, so nothing a peer writes becomes markup.
  class Log {
    constructor(element) { this.element = element; }

    add({ text, mine, note, at, id, open }) {
      const line = document.createElement('div');
      line.className = 'sb-line' + (mine ? ' sb-mine' : '') + (note ? ' sb-note' : '');
      if (id) line.dataset.id = id;
      line.append(text);
      if (!note) {
        const time = document.createElement('time');
        time.dateTime = at.toISOString();
        time.textContent = at.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
        line.append(time);
      }
      this.element.append(line);
      this.element.scrollTop = this.element.scrollHeight;
      if (open) this.doubt(id);
      return line;
    }

    find(id) { return this.element.querySelector('[data-id="' + CSS.escape(id || '') + '"]'); }

    // The connection ended before the server said that it has this line.
    doubt(id) {
      const line = this.find(id);
      if (!line || line.classList.contains('sb-unsure')) return;
      line.classList.add('sb-unsure');
      const mark = document.createElement('small');
      mark.textContent = SwitchboardWords.text('unsure');
      line.append(mark);
    }

    clear() { this.element.replaceChildren(); }
  }

  window.SwitchboardChat = { Client, Log };
})();
