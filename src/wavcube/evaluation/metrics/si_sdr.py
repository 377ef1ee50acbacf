"""Scale-invariant signal-to-distortion ratio."""

import numpy as np

from wavcube.evaluation.metric import Measurement, Metric, Pair, Quantity, Undefined, refuse_silence


class SISDR(Metric):
    """SI-SDR in dB: energy of the reconstruction along the original over the energy beside it.

    Agrees with torchmetrics' scale_invariant_signal_distortion_ratio (no mean is removed). Networks that make the
    waveform anew score low however good they sound, since they do not keep the phase.
    """

    name = "si_sdr"
    quantities = (Quantity("si_sdr", "SI-SDR", "dB", "higher", 1),)
    sample_rate = 16_000
    citation = "Le Roux et al., ICASSP 2019"

    def measure(self, pair: Pair) -> Measurement:
        refuse_silence(pair)
        original = pair.original.at(self.sample_rate).astype(np.float64)
        reconstruction = pair.reconstruction.at(self.sample_rate).astype(np.float64)
        # Sums of products, not dot products: those of a threaded BLAS depend on the number of threads.
        along = original * ((original * reconstruction).sum() / np.square(original).sum())
        signal, distortion = np.square(along).sum(), np.square(reconstruction - along).sum()
        if distortion <= 1e-12 * signal:
            raise Undefined("infinite: the reconstruction equals the original up to its scale")
        if signal == 0:
            raise Undefined("minus infinite: the reconstruction has nothing of the original")
        return Measurement({self.name: float(10 * np.log10(signal / distortion))})
