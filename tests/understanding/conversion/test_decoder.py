"""The conversion decoder: a batch gives what its items give alone, and decoding is what training follows."""

import pytest
import torch
import torch.nn.functional as F

from wavcube.understanding.conversion.decoder import ConversionDecoder, Encoder, Sequences, repeated


@pytest.fixture
def decoder() -> ConversionDecoder:
    torch.manual_seed(0)
    made = ConversionDecoder(7, 50.0, 64, 2, 0.2, torch.randn(80), torch.rand(80) + 0.5)
    made.encoder.norms[0].running_mean.normal_()
    return made.eval()


def test_a_batch_is_decoded_as_its_items_alone(decoder: ConversionDecoder) -> None:
    lengths = torch.tensor([9, 23, 1])
    values = torch.randn(3, 23, 7)
    with torch.inference_mode():
        batch = decoder(values, lengths)
        assert batch.lengths.tolist() == [16, 43, 1]  # 1.875 frames of log-mel for one of the input
        for i, (length, count) in enumerate(zip(lengths.tolist(), batch.lengths.tolist(), strict=True)):
            alone = decoder(values[i : i + 1, :length], lengths[i : i + 1])
            assert alone.values.shape == (1, count, 80)
            torch.testing.assert_close(batch.values[i, :count], alone.values[0], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(decoder(values, lengths).values, batch.values, atol=0, rtol=0)


def test_frames_that_follow_from_the_truth_are_those_that_follow_from_what_was_made(decoder: ConversionDecoder) -> None:
    states = Sequences(torch.randn(2, 12, 64), torch.tensor([12, 12]))
    with torch.inference_mode():
        made = decoder.decode(states)
        torch.testing.assert_close(decoder.decode(states, made), made, atol=1e-5, rtol=1e-4)
        assert (decoder.decode(states, made + 1.0) - made)[:, 1:].abs().max() > 1e-3  # the frame before counts


def test_the_loss_takes_frames_that_both_have(decoder: ConversionDecoder) -> None:
    states, truth = torch.randn(2, 12, 64), torch.randn(2, 15, 80)
    lengths, true_lengths = torch.tensor([12, 8]), torch.tensor([10, 15])
    with torch.inference_mode():
        loss = decoder.loss(Sequences(states, lengths), Sequences(truth, true_lengths))
        alone = [
            decoder.loss(Sequences(states[i : i + 1, :n], torch.tensor([n])), Sequences(truth[i : i + 1, :m], m_length))
            for i, (n, m, m_length) in enumerate([(12, 10, true_lengths[:1]), (8, 15, true_lengths[1:])])
        ]
    torch.testing.assert_close(loss, (10 * alone[0] + 8 * alone[1]) / 18)


def test_padding_does_not_reach_the_statistics_of_training() -> None:
    torch.manual_seed(0)
    encoder = Encoder(5, 8, 8)
    other = Encoder(5, 8, 8)
    other.load_state_dict(encoder.state_dict())
    values, lengths = torch.randn(2, 6, 5), torch.tensor([6, 4])
    encoder(values, lengths)
    other(F.pad(values, (0, 0, 0, 9), value=100.0), lengths)
    for one, two in zip(encoder.norms, other.norms, strict=True):
        # Dropout draws lie elsewhere in a longer batch; the first normalisation comes before any.
        if one is encoder.norms[0]:
            torch.testing.assert_close(one.running_mean, two.running_mean)
            torch.testing.assert_close(one.running_var, two.running_var)


@pytest.mark.parametrize("rate", [50.0, 100.0, 25.0])
def test_frames_are_repeated_as_interpolation_does(rate: float) -> None:
    times = 24_000 / 256 / rate
    values = torch.randn(1, 3, 37)
    places, counts = repeated(torch.tensor([37]), times)
    expected = F.interpolate(values, scale_factor=times, recompute_scale_factor=False)
    torch.testing.assert_close(values[0, :, places[0]], expected[0])
    assert counts.tolist() == [expected.shape[2]]
