// The seat page: log in, see visitors arrive and leave, answer them.
(function () {
  'use strict';
  const $ = (id) => document.getElementById(id);
  const t = (name) => SwitchboardWords.text(name);
  const parameters = new URLSearchParams(location.search);
  const domain = parameters.get('domain') || location.hostname;
  const visitors = new Map(); // bare JID -> { jid, name, lines, unread, gone }
  const log = new SwitchboardChat.Log($('log'));
  let client = null;
  let current = null;

  function words() {
    document.documentElement.lang = SwitchboardWords.language;
    for (const el of document.querySelectorAll('[data-word]')) el.textContent = t(el.dataset.word);
    for (const el of document.querySelectorAll('[data-language]')) el.textContent = t('language');
    $('text').placeholder = t('placeholder');
    $('text').setAttribute('aria-label', t('placeholder'));
    $('log').setAttribute('aria-label', t('messages'));
    if (!current) $('status').textContent = t('choose');
  }

  function visitor(jid, name) {
    let v = visitors.get(jid);
    if (!v) {
      v = { jid, name: name || jid, lines: [], unread: 0, gone: false };
      visitors.set(jid, v);
    }
    if (name) v.name = name;
    return v;
  }

  function list() {
    $('nobody').hidden = visitors.size > 0;
    $('visitors').replaceChildren(...[...visitors.values()].map((v) => {
      const row = document.createElement('li');
      const button = document.createElement('button');
      button.dataset.jid = v.jid;
      button.setAttribute('aria-current', String(v === current));
      const name = document.createElement('span');
      name.textContent = v.name;
      name.className = v.gone ? 'gone' : '';
      button.append(name);
      if (v.unread) {
        const unread = document.createElement('span');
        unread.className = 'unread';
        unread.textContent = v.unread;
        button.append(unread);
      }
      button.onclick = () => choose(v);
      row.append(button);
      return row;
    }));
  }

  function choose(v) {
    current = v;
    v.unread = 0;
    log.clear();
    v.lines.forEach((line) => log.add(line));
    $('status').textContent = v.name;
    $('text').disabled = $('send').disabled = false;
    $('text').focus();
    list();
  }

  function say(v, line) {
    v.lines.push(line);
    if (v === current) log.add(line);
    else if (!line.mine) v.unread++;
    list();
  }

  function isVisitor(item) {
    return item.jid !== Strophe.getBareJidFromJid(client.connection.jid);
  }

  function start(user, password) {
    const jid = user.includes('@') ? user : user + '@' + domain;
    client = new SwitchboardChat.Client(parameters.get('service') || new URL('/http-bind', location.href).href);
    client.addEventListener('online', () => {
      $('login').hidden = true;
      $('work').hidden = false;
      $('me').textContent = Strophe.getBareJidFromJid(client.connection.jid);
      client.show($('show').value);
      words();
    });
    client.addEventListener('refused', (e) => {
      $('login-error').textContent = t(e.detail === 'temporary-auth-failure' ? 'unavailable' : 'wrong');
    });
    client.addEventListener('offline', () => { if (!$('work').hidden) $('status').textContent = t('lost'); });
    client.addEventListener('roster', (e) => { e.detail.filter(isVisitor).forEach((i) => visitor(i.jid, i.name)); list(); });
    client.addEventListener('item', (e) => {
      if (e.detail.removed) {
        const v = visitors.get(e.detail.jid);
        if (v) v.gone = true;
      } else if (isVisitor(e.detail)) {
        visitor(e.detail.jid, e.detail.name).gone = false;
      }
      list();
    });
    client.addEventListener('presence', (e) => {
      const v = visitors.get(e.detail.from);
      if (v) { v.gone = !e.detail.available; list(); }
    });
    client.addEventListener('message', (e) => {
      const m = e.detail;
      const v = visitor(m.from);
      if (m.error) return say(v, { text: t('failed') + m.error, note: true, at: m.at });
      if (m.state === 'composing' && v === current) $('status').textContent = v.name + ' ' + t('typing');
      if (!m.body) return undefined;
      if (v === current) $('status').textContent = v.name;
      if (m.kind === 'visitor-disconnected') v.gone = true;
      if (m.kind === 'visitor-returned') v.gone = false;
      return say(v, { text: m.body, note: !!m.kind && m.kind !== 'assigned', at: m.at });
    });
    client.connect(jid + '/seat-' + Math.random().toString(36).slice(2, 8), password);
  }

  $('login').onsubmit = (e) => {
    e.preventDefault();
    $('login-error').textContent = '';
    start($('user').value.trim(), $('password').value);
  };
  $('show').onchange = () => client.show($('show').value);
  $('leave').onclick = () => { client.disconnect(); location.reload(); };
  function send() {
    const text = $('text').value.trim();
    if (!text || !current) return;
    const id = client.send(current.jid, text);
    say(current, { text, mine: true, at: new Date(), id });
    $('text').value = '';
  }
  $('write').onsubmit = (e) => { e.preventDefault(); send(); };
  $('text').onkeydown = (e) => {
    if (e.key === 'Enter' && !e.shiftKey && !e.isComposing) { e.preventDefault(); send(); }
  };
  for (const el of document.querySelectorAll('[data-language]')) {
    el.onclick = () => { SwitchboardWords.toggle(); words(); list(); };
  }
  words();
})();
