// Be the critic: left arrow or R says real, right arrow or M says made. Which is which, only the server knows.
const KEYS = {ArrowLeft: 'real', r: 'real', R: 'real', ArrowRight: 'made', m: 'made', M: 'made'};
const stage = () => element.querySelector('.stage');
let asked = 0;  // when the server was last asked, until it has answered
const say = word => {
  if (Date.now() - asked < 5000) return;  // one answer at a time, however fast the keys
  asked = Date.now();
  element.querySelector('.quiz').classList.add('waiting');
  if (word === 'begin') trigger('begin', {});
  else trigger('answer', {said: word, number: Number(stage().dataset.number)});
};
element.addEventListener('click', event => {
  const button = event.target.closest('[data-quiz]');
  if (button) say(button.dataset.quiz);
});
const listen = event => {
  if (!element.isConnected) { document.removeEventListener('keydown', listen); return; }
  const word = KEYS[event.key], here = stage(), at = document.activeElement;
  if (!word || !here || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  if (!element.contains(at) && at !== document.body) return;  // somebody is typing or walking elsewhere
  const box = here.getBoundingClientRect();
  if (!here.offsetParent || box.bottom < 0 || box.top > innerHeight) return;  // nobody sees the picture
  event.preventDefault();
  say(word);
};
document.addEventListener('keydown', listen);
watch('value', () => {
  asked = 0;
  const next = stage() || element.querySelector('.quiz-verdict');
  if (!next) return;
  next.focus({preventScroll: true});
  if (next.dataset.number === '1' || !stage()) next.scrollIntoView({block: stage() ? 'center' : 'nearest'});
});
