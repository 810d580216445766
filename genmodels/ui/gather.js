// Drawing pad, camera and file: each picture goes to the studio as the event `picture`, a square PNG or JPEG data-URI.
const negative = element.querySelector('input.negative');
let again = null;  // what to send once more when light and dark are swapped
const send = (canvas, lossless) => trigger('picture', {data: lossless ? canvas.toDataURL('image/png') : canvas.toDataURL('image/jpeg', 0.93)});
const invert = canvas => {
  const pen = canvas.getContext('2d');
  Object.assign(pen, {globalCompositeOperation: 'difference', fillStyle: '#fff'});
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.globalCompositeOperation = 'source-over';
};
const offer = (canvas, lossless) => {
  if (negative && negative.checked) invert(canvas);
  again = () => { invert(canvas); send(canvas, lossless); };
  send(canvas, lossless);
};
if (negative) negative.addEventListener('change', () => { if (again) again(); });

const pad = element.querySelector('canvas.pad');
if (pad) {
  const pen = pad.getContext('2d'), ink = element.querySelector('.ink'), add = element.querySelector('.add');
  let drawn = false, last = null, paper = '#ffffff';
  const wipe = () => { pen.fillStyle = paper; pen.fillRect(0, 0, pad.width, pad.height); drawn = false; };
  const place = e => {
    const box = pad.getBoundingClientRect();
    return [(e.clientX - box.left) * pad.width / box.width, (e.clientY - box.top) * pad.height / box.height];
  };
  const stroke = to => {
    Object.assign(pen, {lineWidth: 18, lineCap: 'round', lineJoin: 'round', strokeStyle: ink.value});
    pen.beginPath(); pen.moveTo(...(last || to)); pen.lineTo(...to); pen.stroke();
    last = to; drawn = true;
  };
  const flip = () => { swap(); if (drawn) send(pad, true); };
  const tell = () => {  // a live pad sends the drawing after each stroke
    last = null;
    if (pad.dataset.live && drawn) { again = flip; send(pad, true); }
  };
  const swap = () => {
    paper = paper === '#ffffff' ? '#000000' : '#ffffff';
    ink.value = paper === '#ffffff' ? '#1e1a17' : '#ffffff';
    if (drawn) invert(pad); else wipe();
  };
  wipe();
  if (pad.dataset.live) again = flip;
  pad.addEventListener('pointerdown', e => { pad.setPointerCapture(e.pointerId); last = null; stroke(place(e)); e.preventDefault(); });
  pad.addEventListener('pointermove', e => { if (last) stroke(place(e)); });
  for (const end of ['pointerup', 'pointercancel']) pad.addEventListener(end, tell);
  element.querySelector('.wipe').addEventListener('click', wipe);
  if (add) add.addEventListener('click', () => { if (drawn) send(pad, true); wipe(); });
  const follow = () => { if ((props.paper === 'dark') !== (paper === '#000000')) swap(); };  // as the model's own pictures are
  if (props.paper) { follow(); watch('paper', follow); }
}

const film = element.querySelector('video.camera');
if (film) {
  const words = element.querySelector('.camera-words'), hold = element.querySelector('.hold'), open = element.querySelector('.open');
  const frame = document.createElement('canvas'), once = 'once' in film.dataset;
  frame.width = frame.height = once ? 384 : 128;
  let shooting = null;
  const shoot = () => {
    const side = Math.min(film.videoWidth, film.videoHeight);
    if (!side) return;
    frame.getContext('2d').drawImage(film, (film.videoWidth - side) / 2, (film.videoHeight - side) / 2, side, side, 0, 0, frame.width, frame.height);
    offer(frame, false);
  };
  const stop = () => { clearInterval(shooting); shooting = null; };
  open.addEventListener('click', async () => {
    try {
      film.srcObject = await navigator.mediaDevices.getUserMedia({video: {width: 640, height: 480}});
      await film.play();
      words.textContent = ''; hold.disabled = false;
    } catch (problem) { words.textContent = words.dataset.refused; }
  });
  hold.addEventListener('pointerdown', () => { if (!shooting) { shoot(); shooting = once || setInterval(shoot, 300); } });
  hold.addEventListener('keydown', e => { if (!e.repeat && (e.key === ' ' || e.key === 'Enter')) shoot(); });
  for (const end of ['pointerup', 'pointerleave', 'pointercancel']) hold.addEventListener(end, stop);
}

const choose = element.querySelector('input.choose');
if (choose) {
  const words = element.querySelector('.choose-words'), asked = words.textContent, place = choose.closest('.drop');
  const take = async file => {
    if (!file) return;
    try {
      const picture = await createImageBitmap(file);
      const side = Math.min(picture.width, picture.height), square = document.createElement('canvas');
      square.width = square.height = Math.min(side, 512);
      const pen = square.getContext('2d');
      pen.fillStyle = '#fff'; pen.fillRect(0, 0, square.width, square.height); pen.imageSmoothingQuality = 'high';
      pen.drawImage(picture, (picture.width - side) / 2, (picture.height - side) / 2, side, side, 0, 0, square.width, square.height);
      words.textContent = asked;
      offer(square, side <= 128);
    } catch (problem) { words.textContent = words.dataset.refused; }
  };
  choose.addEventListener('change', () => { take(choose.files[0]); choose.value = ''; });
  for (const over of ['dragenter', 'dragover']) place.addEventListener(over, e => { e.preventDefault(); place.classList.add('over'); });
  for (const away of ['dragleave', 'drop']) place.addEventListener(away, () => place.classList.remove('over'));
  place.addEventListener('drop', e => { e.preventDefault(); take(e.dataTransfer.files[0]); });
  document.addEventListener('paste', e => { if (element.offsetParent) take([...e.clipboardData.files].find(f => f.type.startsWith('image/'))); });
}

for (const way of element.querySelectorAll('[data-way]')) way.addEventListener('click', () => {
  for (const other of element.querySelectorAll('[data-way]')) other.setAttribute('aria-pressed', String(other === way));
  for (const panel of element.querySelectorAll('[data-panel]')) panel.hidden = panel.dataset.panel !== way.dataset.way;
});
