#!/bin/sh
# Trains the checkpoints that ship, each from a fixed seed with a budget in pictures: all of them, or those named.
# Then judges each one (evaluation.json) and writes its card (README.md).
#   sh checkpoints/train.sh [digits-gan ...]
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python}

make() { # NAME TITLE and the options of `genmodels train`
  target=checkpoints/$1 title=$2
  shift 2
  rm -rf "$target"
  "$python" -m genmodels train --name "$title" --into "$target" --unit images --seed 1 --threads 1 --score-share 0 "$@"
  "$python" -m genmodels evaluate "$target" --out "$target/evaluation.json"
  "$python" -m genmodels.card "$target"
}

for name in ${*:-digits-gan digits-vae fashion-gan fashion-vae letters-gan letters-vae kanji-gan kanji-vae avatars-gan avatars-vae}; do
  case $name in
  digits-gan) make "$name" "Digits (GAN)" --set digits --family gan --budget 480000 --ema 0.998 ;;
  digits-vae) make "$name" "Digits (VAE)" --set digits --family vae --budget 800000 --ema 0.998 ;;
  fashion-gan) make "$name" "Clothes (GAN)" --set fashion --family gan --budget 480000 --ema 0.998 ;;
  fashion-vae) make "$name" "Clothes (VAE)" --set fashion --family vae --budget 600000 --ema 0.998 ;;
  letters-gan) make "$name" "Letters (GAN)" --set letters --family gan --budget 600000 --ema 0.998 ;;
  letters-vae) make "$name" "Letters (VAE)" --set letters --family vae --budget 600000 --ema 0.998 ;;
  kanji-gan) make "$name" "Kanji (GAN)" --set kanji --family gan --budget 500000 --width 24 --critic-width 32 --ema 0.998 ;;
  kanji-vae) make "$name" "Kanji (VAE)" --set kanji --family vae --budget 600000 --ema 0.998 ;;
  avatars-gan) make "$name" "Faces (GAN)" --set avatars --family gan --budget 1000000 --width 24 --critic-width 32 --ema 0.999 ;;
  avatars-vae) make "$name" "Faces (VAE)" --set avatars --family vae --budget 500000 --ema 0.998 ;;
  *) echo "There is no recipe for $name." >&2 && exit 2 ;;
  esac
done
