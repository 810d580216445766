"""Pictures are changed as asked and not otherwise, and the critic's view passes gradients to what was made."""

import numpy as np
import pytest
import torch

from genmodels.data import augment
from genmodels.data.augment import Augmentation
from genmodels.data.imageset import ImageSet
from genmodels.images import PictureFormat, to_images, to_pixels


def pictures(count=32, size=28, channels=1):
    return torch.rand(count, channels, size, size, generator=torch.Generator().manual_seed(1)) * 2 - 1


def generator():
    return torch.Generator().manual_seed(0)


def test_nothing_on_is_an_exact_no_op_that_draws_no_random_number():
    images, random = pictures(), generator()
    before = random.get_state()
    assert augment.feed(Augmentation(), flip=False)(images, random) is images
    assert augment.critic_view(Augmentation(), PictureFormat(28, 1), 60000)(images, random) is images
    assert torch.equal(random.get_state(), before)


def test_mirroring_follows_the_set_unless_someone_chose():
    assert augment.feed(Augmentation(flip="auto"), flip=False) is augment.unchanged
    assert augment.feed(Augmentation(flip="off"), flip=True) is augment.unchanged
    images = pictures(200)
    for settings, hint in [(Augmentation(flip="auto"), True), (Augmentation(flip="on"), False)]:
        fed = augment.feed(settings, hint)(images, generator())
        mirrored = (fed == images.flip(-1)).flatten(1).all(1)
        same = (fed == images).flatten(1).all(1)
        assert bool((mirrored | same).all())
        assert 60 < int(mirrored.sum()) < 140


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [28, 32, 64])
def test_everything_on_stays_a_picture_and_a_seed_repeats_it(channels, size):
    images = pictures(16, size, channels)
    settings = Augmentation(flip="on", shift=10, rotation=20, zoom=20, colour=100)
    fed = augment.feed(settings, True)(images, generator())
    assert fed.shape == images.shape
    assert fed.dtype == images.dtype
    assert float(fed.min()) >= -1.0001
    assert float(fed.max()) <= 1.0001
    assert torch.equal(fed, augment.feed(settings, True)(images, generator()))


def test_a_shift_alone_moves_whole_pixels():
    images = to_images(np.random.default_rng(0).integers(0, 256, (16, 28, 28, 1), dtype=np.uint8))
    fed = to_pixels(augment.feed(Augmentation(shift=10), False)(images, generator()))
    for before, after in zip(to_pixels(images), fed, strict=True):
        moves = [(dy, dx) for dy in range(-3, 4) for dx in range(-3, 4)]
        shifted = [np.roll(before, move, (0, 1))[4:-4, 4:-4] for move in moves]
        assert any(np.array_equal(after[4:-4, 4:-4], candidate) for candidate in shifted)


def test_colour_keeps_black_and_white():
    images = torch.tensor([-1.0, 0.0, 1.0]).view(1, 1, 1, 3).expand(50, 1, 3, 3)
    fed = augment.feed(Augmentation(colour=100), False)(images, generator())
    assert torch.equal(fed[..., 0], images[..., 0])
    assert torch.equal(fed[..., 2], images[..., 2])
    assert float(fed[..., 1].std()) > 0.1


def test_help_comes_by_itself_when_pictures_are_few():
    grey = PictureFormat(28, 1)
    assert augment.critic_view(Augmentation(), grey, 500) is not augment.unchanged
    assert augment.critic_view(Augmentation(), grey, 2000) is augment.unchanged
    assert augment.critic_view(Augmentation(few="on"), grey, 10**6) is not augment.unchanged
    assert augment.critic_view(Augmentation(few="off"), grey, 16) is augment.unchanged


@pytest.mark.parametrize("channels", [1, 3])
def test_the_view_passes_gradients_and_gradients_of_gradients(channels):
    view = augment.critic_view(Augmentation(few="on"), PictureFormat(8, channels), 100)
    images = pictures(3, 8, channels).double().requires_grad_()

    def cubed(given):
        return view(given, generator()).pow(3)

    assert torch.autograd.gradcheck(cubed, images)
    assert torch.autograd.gradgradcheck(cubed, images)


def test_some_pictures_reach_the_critic_unchanged_and_most_do_not():
    images = pictures(2000, 16, 3)
    view = augment.critic_view(Augmentation(), PictureFormat(16, 3), 100)(images, generator())
    same = ((view - images).abs() < 1e-5).flatten(1).all(1).float().mean()
    assert 0 < float(same) < 0.1  # 0.2 cubed, and a little more where shift or cut changed nothing


def test_the_view_is_right_in_distribution_for_translation():
    bright = torch.ones(4000, 1, 16, 16)
    view = augment.critic_view(Augmentation(), PictureFormat(16, 1), 100)(bright, generator())
    profile = (view[:, 0] != 0).float().mean(0)
    assert torch.allclose(profile, profile.flip(0), atol=0.06)
    assert torch.allclose(profile, profile.t(), atol=0.06)


def test_what_is_shown_is_what_is_fed():
    pixels = np.random.default_rng(0).integers(0, 256, (80, 28, 28, 3), dtype=np.uint8)
    pictures_of_mine = ImageSet(pixels, flip=True)
    plain = augment.seen(pictures_of_mine, Augmentation(flip="off"), 12, seed=3)
    learnt = {row.tobytes() for row in pictures_of_mine.training()[0]}
    assert plain.shape == (12, 28, 28, 3)
    assert all(picture.tobytes() in learnt for picture in plain)
    mirrored = augment.seen(pictures_of_mine, Augmentation(), 12, seed=3)
    either = [np.array_equal(a, b) or np.array_equal(a, b[:, ::-1]) for a, b in zip(mirrored, plain, strict=True)]
    assert all(either)
    assert not np.array_equal(mirrored, plain)
