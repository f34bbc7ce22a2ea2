// The words of both pages, Chinese and English, and the choice between them.
(function () {
  'use strict';
  const words = {
    zh: {
      title: '在线客服', open: '打开在线客服', close: '收起', send: '发送', placeholder: '请输入消息…', messages: '对话内容',
      connecting: '正在连接…', lost: '连接已断开，正在重新连接…', with: '正在为您服务：', desk: '请留言，客服上线后会回复您。',
      you: '我', typing: '对方正在输入…', failed: '消息未能送达：', unsure: '可能未送达', tooLong: '消息太长，请分几次发送。', language: 'English',
      seatTitle: '客服工作台', user: '用户名', password: '密码或 Cookie', login: '登录', logout: '退出', wrong: '用户名或密码不正确。',
      unavailable: '暂时无法验证，请稍后再试。', visitors: '访客', nobody: '暂无访客', choose: '请选择一位访客。',
      status: '状态', online: '在线', away: '离开', dnd: '勿扰', left: '访客已离开', back: '访客已返回', arrived: '新访客',
    },
    en: {
      title: 'Live chat', open: 'Open live chat', close: 'Close', send: 'Send', placeholder: 'Write a message…', messages: 'Conversation',
      connecting: 'Connecting…', lost: 'Connection lost, trying again…', with: 'You are talking to ', desk: 'Leave a message, we will answer as soon as somebody is here.',
      you: 'You', typing: 'typing…', failed: 'Not delivered: ', unsure: 'May not have arrived', tooLong: 'That is too long for one message, please send it in parts.', language: '中文',
      seatTitle: 'Seat', user: 'User', password: 'Password or cookie', login: 'Log in', logout: 'Log out', wrong: 'Wrong user or password.',
      unavailable: 'Logins cannot be checked right now, try again soon.', visitors: 'Visitors', nobody: 'No visitors yet', choose: 'Choose a visitor.',
      status: 'Status', online: 'Online', away: 'Away', dnd: 'Busy', left: 'Visitor has left', back: 'Visitor is back', arrived: 'New visitor',
    },
  };
  const key = 'switchboard-language';
  let language = localStorage.getItem(key) || (navigator.language.startsWith('zh') ? 'zh' : 'en');
  window.SwitchboardWords = {
    get language() { return language; },
    set language(next) { language = next; localStorage.setItem(key, next); },
    toggle() { this.language = language === 'zh' ? 'en' : 'zh'; },
    text(name) { return words[language][name]; },
  };
})();
