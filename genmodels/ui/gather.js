// Drawing pad and camera: each picture goes to the studio as the event `picture`, a square PNG or JPEG data-URI.
const pad = element.querySelector('canvas.pad');
if (pad) {
  const pen = pad.getContext('2d');
  let drawn = false, last = null;
  const wipe = () => { pen.fillStyle = '#fff'; pen.fillRect(0, 0, pad.width, pad.height); drawn = false; };
  const place = e => {
    const box = pad.getBoundingClientRect();
    return [(e.clientX - box.left) * pad.width / box.width, (e.clientY - box.top) * pad.height / box.height];
  };
  const stroke = to => {
    Object.assign(pen, {lineWidth: 18, lineCap: 'round', lineJoin: 'round', strokeStyle: element.querySelector('.ink').value});
    pen.beginPath(); pen.moveTo(...(last || to)); pen.lineTo(...to); pen.stroke();
    last = to; drawn = true;
  };
  wipe();
  pad.addEventListener('pointerdown', e => { pad.setPointerCapture(e.pointerId); last = null; stroke(place(e)); e.preventDefault(); });
  pad.addEventListener('pointermove', e => { if (last) stroke(place(e)); });
  for (const end of ['pointerup', 'pointercancel']) pad.addEventListener(end, () => { last = null; });
  element.querySelector('.wipe').addEventListener('click', wipe);
  element.querySelector('.add').addEventListener('click', () => {
    if (drawn) trigger('picture', {data: pad.toDataURL('image/png')});
    wipe();
  });
}

const film = element.querySelector('video.camera');
if (film) {
  const words = element.querySelector('.camera-words'), hold = element.querySelector('.hold'), open = element.querySelector('.open');
  const frame = document.createElement('canvas');
  frame.width = frame.height = 128;
  let shooting = null;
  const shoot = () => {
    const side = Math.min(film.videoWidth, film.videoHeight);
    if (!side) return;
    frame.getContext('2d').drawImage(film, (film.videoWidth - side) / 2, (film.videoHeight - side) / 2, side, side, 0, 0, 128, 128);
    trigger('picture', {data: frame.toDataURL('image/jpeg', 0.9)});
  };
  const stop = () => { clearInterval(shooting); shooting = null; };
  open.addEventListener('click', async () => {
    try {
      film.srcObject = await navigator.mediaDevices.getUserMedia({video: {width: 640, height: 480}});
      await film.play();
      words.textContent = ''; hold.disabled = false;
    } catch (problem) { words.textContent = words.dataset.refused; }
  });
  hold.addEventListener('pointerdown', () => { if (!shooting) { shoot(); shooting = setInterval(shoot, 300); } });
  hold.addEventListener('keydown', e => { if (!e.repeat && (e.key === ' ' || e.key === 'Enter')) shoot(); });
  for (const end of ['pointerup', 'pointerleave', 'pointercancel']) hold.addEventListener(end, stop);
}
