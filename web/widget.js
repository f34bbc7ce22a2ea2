// The visitor widget. A site embeds it with one tag:
//   <script src="https://HOST:5281/web/widget.js" data-domain="acme.example"></script>
// Options: data-service (BOSH or WebSocket URL, default BOSH on the script's own host), data-open (open at once).
(function () {
  'use strict';
  const tag = document.currentScript;
  const base = new URL('.', tag.src);

  function load(file) {
    return new Promise((done, failed) => {
      const script = document.createElement('script');
      script.src = new URL(file, base);
      script.onload = done;
      script.onerror = () => failed(new Error('cannot load ' + script.src));
      document.head.append(script);
    });
  }

  async function start() {
    const style = document.createElement('link');
    style.rel = 'stylesheet';
    style.href = new URL('chat.css', base);
    document.head.append(style);
    await load('strophe.umd.min.js');
    await load('i18n.js');
    await load('client.js');
    new Widget();
  }

  // The server takes 16 KiB from a visitor at once, markup included, and refuses what is longer.
  const TEXT_MAX = 12000;

  function escapedBytes(text) {
    return new TextEncoder().encode(text.replace(/[&<>'"]/g, '&quot; ')).length;
  }

  class Widget {
    constructor() {
      this.domain = tag.dataset.domain || location.hostname;
      this.storage = 'switchboard-chat-' + this.domain;
      this.owner = null;
      this.build();
      this.restore();
      this.client = new SwitchboardChat.Client(tag.dataset.service || new URL('/http-bind', base).href);
      this.client.addEventListener('online', () => { this.online = true; this.refresh(); });
      this.client.addEventListener('offline', () => { this.online = false; this.doubt(); this.refresh(); });
      this.client.addEventListener('confirmed', (e) => this.confirm(e.detail));
      this.client.addEventListener('roster', (e) => this.onRoster(e.detail));
      this.client.addEventListener('item', (e) => { if (!e.detail.removed) this.onRoster([e.detail]); });
      this.client.addEventListener('message', (e) => this.onMessage(e.detail));
      this.client.connect(this.domain, null);
      if ('open' in tag.dataset || sessionStorage.getItem(this.storage + '-open')) this.toggle(true);
    }

    el(name, className, parent) {
      const el = document.createElement(name);
      if (className) el.className = className;
      (parent || this.root).append(el);
      return el;
    }

    build() {
      this.root = document.createElement('div');
      this.root.className = 'sb';
      document.body.append(this.root);
      this.button = this.el('button', 'sb-bubble-button');
      this.button.id = 'sb-open';
      this.button.onclick = () => this.toggle(true);
      this.panel = this.el('section', 'sb-panel');
      this.panel.hidden = true;
      const head = this.el('header', 'sb-head', this.panel);
      this.title = this.el('strong', '', head);
      this.tongue = this.el('button', 'sb-quiet', head);
      this.tongue.onclick = () => { SwitchboardWords.toggle(); this.refresh(); };
      this.shut = this.el('button', 'sb-quiet', head);
      this.shut.onclick = () => this.toggle(false);
      this.status = this.el('div', 'sb-status', this.panel);
      this.status.id = 'sb-status';
      this.status.setAttribute('role', 'status');
      const log = this.el('div', 'sb-log', this.panel);
      log.id = 'sb-log';
      log.setAttribute('role', 'log');
      log.setAttribute('aria-live', 'polite');
      log.tabIndex = 0;
      this.log = new SwitchboardChat.Log(log);
      this.logElement = log;
      const form = this.el('form', 'sb-write', this.panel);
      this.input = this.el('textarea', '', form);
      this.input.id = 'sb-input';
      this.submit = this.el('button', '', form);
      this.submit.id = 'sb-send';
      form.onsubmit = (e) => { e.preventDefault(); this.send(); };
      this.input.onkeydown = (e) => {
        if (e.key === 'Enter' && !e.shiftKey && !e.isComposing) { e.preventDefault(); this.send(); }
        if (e.key === 'Escape') this.toggle(false);
      };
      this.input.oninput = () => {
        if (this.online && this.owner && Date.now() - (this.typed || 0) > 5000) {
          this.typed = Date.now();
          this.client.typing(this.owner.jid);
        }
      };
      this.refresh();
    }

    refresh() {
      const t = (name) => SwitchboardWords.text(name);
      this.root.lang = SwitchboardWords.language;
      this.button.textContent = t('open');
      this.panel.setAttribute('aria-label', t('title'));
      this.title.textContent = t('title');
      this.tongue.textContent = t('language');
      this.shut.textContent = '×';
      this.shut.setAttribute('aria-label', t('close'));
      this.logElement.setAttribute('aria-label', t('messages'));
      this.input.placeholder = t('placeholder');
      this.input.setAttribute('aria-label', t('placeholder'));
      this.submit.textContent = t('send');
      this.submit.disabled = !(this.online && this.owner);
      if (!this.online) this.status.textContent = this.wasOnline ? t('lost') : t('connecting');
      else if (this.typing) this.status.textContent = this.owner.name + ' ' + t('typing');
      else if (this.owner) this.status.textContent = this.owner.desk ? t('desk') : t('with') + this.owner.name;
      this.wasOnline = this.wasOnline || this.online;
    }

    toggle(open) {
      this.panel.hidden = !open;
      this.button.hidden = open;
      sessionStorage.setItem(this.storage + '-open', open ? '1' : '');
      (open ? this.input : this.button).focus();
    }

    onRoster(items) {
      if (items.length) {
        this.owner = items[0];
        this.owner.desk = this.owner.group === '留言'; // whoever answers for the desk, under whatever address
        this.refresh();
      }
    }

    onMessage(m) {
      if (m.error) {
        const line = this.log.find(m.id);
        if (line) line.classList.add('sb-failed');
        this.log.add({ text: SwitchboardWords.text('failed') + m.error, note: true });
        return;
      }
      this.typing = m.state === 'composing';
      if (m.body) {
        this.typing = false;
        this.keep({ text: m.body, at: m.at, note: !!m.kind });
      }
      this.refresh();
    }

    send() {
      const text = this.input.value.trim();
      if (!text || !this.online || !this.owner) return;
      if (escapedBytes(text) > TEXT_MAX) {
        this.log.add({ text: SwitchboardWords.text('tooLong'), note: true });
        return;
      }
      const id = this.client.send(this.owner.jid, text);
      this.keep({ text, mine: true, at: new Date(), id, open: true });
      this.input.value = '';
    }

    // A line is open until the server has it; one that is open when the connection or the page ends may be lost.
    confirm(id) {
      for (const line of this.lines) if (line.id === id) delete line.open;
      this.store();
    }

    doubt() {
      for (const line of this.lines) if (line.open) this.log.doubt(line.id);
    }

    // The visible history lives in this tab, so that a refresh shows what was said.
    keep(line) {
      this.log.add({ ...line, open: false });
      this.lines.push({ ...line, at: line.at.getTime() });
      this.store();
    }

    store() { sessionStorage.setItem(this.storage, JSON.stringify(this.lines.slice(-200))); }

    restore() {
      this.lines = JSON.parse(sessionStorage.getItem(this.storage) || '[]');
      for (const line of this.lines) this.log.add({ ...line, at: new Date(line.at) });
    }
  }

  if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', start);
  else start();
})();
