// The visitor and seat pages in a real browser. Arguments: base URL, seat password, robot command (JSON list).
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chromium } from 'playwright-core';

const [, , base, password, robotCommand, shots] = process.argv;
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
});
const problems = [];

async function open(path, options = {}) {
  const context = await browser.newContext({ locale: 'en-GB', ...options });
  await context.route((url) => !['localhost', '127.0.0.1'].includes(url.hostname), (route) => route.abort());
  const page = await context.newPage();
  page.on('pageerror', (error) => problems.push(path + ': ' + error.message));
  page.on('console', (message) => { if (message.type() === 'error') problems.push(path + ': ' + message.text()); });
  await page.goto(base + path);
  return page;
}

const line = (page, log, text) => page.locator(log + ' .sb-line', { hasText: text });
async function said(page, log, text) { await line(page, log, text).first().waitFor({ timeout: 15000 }); }
async function count(page, log, text) { return line(page, log, text).count(); }
function must(truth, what) { if (!truth) throw new Error(what); console.log('ok', what); }
async function shot(page, name) { if (shots) await page.screenshot({ path: `${shots}/${name}.png` }); }

async function write(visitor, text) {
  await visitor.locator('#sb-send:not([disabled])').waitFor({ timeout: 15000 });
  await visitor.fill('#sb-input', text);
  await visitor.press('#sb-input', 'Enter');
}

async function enter(page) {
  await page.fill('#user', 'alice');
  await page.fill('#password', password);
  await page.click('#enter');
  await page.locator('#work').waitFor({ state: 'visible', timeout: 15000 });
}

async function robotStart() {
  const [program, ...words] = JSON.parse(robotCommand);
  const robot = spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const text of robot.stdout) if (String(text).includes('online')) break;
  return robot;
}

setTimeout(() => { console.error('no end within 150 s'); process.exit(1); }, 150000).unref();

// a seat answers
const seat = await open('/seat');
await seat.fill('#user', 'alice');
await seat.fill('#password', 'not the password');
await seat.click('#enter');
await seat.locator('#login-error:not(:empty)').waitFor({ timeout: 15000 });
must(true, 'a wrong password is said');
await enter(seat);
const visitor = await open('/visitor');
await write(visitor, 'Hello, is anybody there?');
await seat.locator('#visitors button').first().click({ timeout: 15000 });
await said(seat, '#log', 'Hello, is anybody there?');
must(true, 'the seat sees what the visitor wrote');
await seat.fill('#text', '您好 <b>friend</b> & co');
await seat.press('#text', 'Enter');
await said(visitor, '#sb-log', '您好 <b>friend</b> & co');
must(await visitor.locator('#sb-log b').count() === 0, 'the answer arrives as text, not as markup');
await shot(seat, 'seat');
await shot(visitor, 'visitor');

// a refresh keeps the conversation
const rows = await seat.locator('#visitors button').count();
await visitor.reload();
await said(visitor, '#sb-log', 'Hello, is anybody there?');
await write(visitor, 'I am back after a refresh');
await said(seat, '#log', 'I am back after a refresh');
must(await seat.locator('#visitors button').count() === rows, 'after a refresh it is the same visitor for the seat');
must(await count(seat, '#log', '断开') === 0, 'a refresh is no leaving');
await seat.fill('#text', 'still me');
await seat.press('#text', 'Enter');
await said(visitor, '#sb-log', 'still me');
must(true, 'after a refresh it is the same seat for the visitor');

// the seat goes away: a robot
const robot = await robotStart();
await seat.click('#leave');
await seat.locator('#login').waitFor({ state: 'visible' });
await write(visitor, 'hello');
await visitor.locator('#sb-log .sb-line:not(.sb-mine)').nth(2).waitFor({ timeout: 20000 });
must(true, 'with the seat away a robot answers');

// nobody at all: kept, told once, delivered
const gone = once(robot, 'exit');
robot.kill('SIGTERM');
await gone;
const lines = await visitor.locator('#sb-log .sb-line').count();
await write(visitor, 'Please call me: 5551234');
await visitor.locator('#sb-log .sb-line').nth(lines + 1).waitFor({ timeout: 20000 });
must(true, 'with nobody there the visitor is told');
await enter(seat);
await seat.locator('#visitors button').first().click({ timeout: 15000 });
await said(seat, '#log', 'Please call me: 5551234');
must(true, 'the seat that comes gets the message that was left');

// the connection ends before the server has what was written
must(await visitor.locator('#sb-log .sb-unsure').count() === 0, 'what the server has is not in doubt');
const END = "<body xmlns='http://jabber.org/protocol/httpbind' type='terminate' condition='item-not-found'/>";
await visitor.route('**/http-bind', (route) => route.fulfill({ status: 200, contentType: 'text/xml', body: END }));
await write(visitor, 'words into the void');
await visitor.locator('#sb-log .sb-unsure', { hasText: 'words into the void' }).waitFor({ timeout: 20000 });
await visitor.unroute('**/http-bind');
await visitor.reload();
await visitor.locator('#sb-log .sb-unsure', { hasText: 'words into the void' }).waitFor({ timeout: 20000 });
must(await visitor.locator('#sb-log .sb-unsure').count() === 1, 'a line that may be lost is marked, after a refresh too');
await write(visitor, 'I am here again');
await said(seat, '#log', 'I am here again');
must(await visitor.locator('#sb-log .sb-unsure').count() === 1, 'the next one is not');

// the visitor leaves
await visitor.context().close();
await said(seat, '#log', '断开');
must(await count(seat, '#log', '断开') === 1, 'the seat is told once that the visitor left');

// a phone, Chinese, keyboard only
const phone = await open('/visitor', { locale: 'zh-CN', viewport: { width: 360, height: 640 }, isMobile: true });
await phone.locator('#sb-send:not([disabled])').waitFor({ timeout: 15000 });
must((await phone.locator('#sb-send').textContent()) === '发送', 'a Chinese browser sees Chinese');
const box = await phone.locator('.sb-panel').boundingBox();
must(box.x >= 0 && box.x + box.width <= 360 && box.y >= 0 && box.y + box.height <= 640, 'the widget fits a phone');
await shot(phone, 'phone');
await browser.close();
const real = problems.filter((text) => !text.includes('Failed to load resource'));
if (real.length) throw new Error('the pages reported: ' + real.join('; '));
console.log('done');
