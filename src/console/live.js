// Puts new requests on top of the table as they come, until it is paused. Without this script the page
// asks again every few seconds. Texts are set as texts and never as markup.
'use strict';
const rows = document.getElementById('rows');
const told = document.getElementById('told');
const state = document.getElementById('state');
const pause = document.getElementById('pause');
const row = document.getElementById('row');
const most = 200;
let stream = null;

function put(line) {
  const made = row.content.firstElementChild.cloneNode(true);
  const link = made.querySelector('[data-cell="href"]');
  link.href = line.href;
  const time = made.querySelector('time');
  time.dateTime = line.time.utc;
  time.textContent = line.time.shown;
  const decision = made.querySelector('b');
  decision.className = line.class;
  decision.textContent = line.decision;
  for (const cell of ['who', 'what', 'on', 'why', 'status']) {
    made.querySelector(`[data-cell="${cell}"]`).textContent = line[cell];
  }
  made.className = 'fresh';
  rows.prepend(made);
  setTimeout(() => made.classList.remove('fresh'), 2000);
  while (rows.children.length > most) rows.lastElementChild.remove();
}

function say(word, sign, kind) {
  state.textContent = `${word} ${sign}`;
  state.className = kind;
}

function begin() {
  stream = new EventSource(rows.dataset.stream);
  stream.addEventListener('open', () => say('LIVE', '+', 'good'));
  stream.addEventListener('error', () => say('WAITING', '!', 'odd'));
  stream.addEventListener('rows', (event) => {
    const lines = JSON.parse(event.data);
    for (const line of lines) put(line);
    const not = lines.filter((line) => line.class !== 'good' && line.class !== 'calm').length;
    told.textContent = `${lines.length} new, ${not} not allowed`;
  });
  pause.textContent = 'Pause';
}

pause.setAttribute('role', 'button');
pause.addEventListener('click', (event) => {
  event.preventDefault();
  if (stream) {
    stream.close();
    stream = null;
    say('PAUSED', '!', 'odd');
    pause.textContent = 'Go on';
  } else {
    begin();
  }
});
pause.addEventListener('keydown', (event) => {
  if (event.key === ' ') {
    event.preventDefault();
    pause.click();
  }
});
begin();
