"""Tiny corpora in the official layouts, of sounds that carry labels: what a symbol is, a tone tells; who speaks, a hum.

They prove the way from a data folder to a figure, not that a representation understands speech.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wavcube.audio.io import save_audio

RATE = 16_000


def sound(
    symbols: Sequence[int],
    speaker: float = 0,
    seed: int = 0,
    seconds_each: float = 0.12,
    gap: float = 0.02,
    hum: float = 0.1,
) -> np.ndarray:
    """A tone for each symbol, with the hum of a speaker below and a little noise over all: float32 [S]."""
    rng = np.random.default_rng((seed, round(10 * speaker) + 100, *symbols))
    parts = []
    for symbol in symbols:
        time = np.arange(round(seconds_each * RATE)) / RATE
        parts += [np.sin(2 * np.pi * (600.0 * 1.22**symbol) * time), np.zeros(round(gap * RATE))]
    tones = 0.2 * np.concatenate(parts)
    time = np.arange(len(tones)) / RATE
    voice = hum * np.sin(2 * np.pi * (110.0 * 1.25**speaker) * time)
    return (tones + voice + 0.01 * rng.standard_normal(len(tones))).astype(np.float32)


def write(path: Path, waveform: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_audio(path, waveform, RATE)


WORDS = {"AX": (0, 2), "BIN": (2, 4), "CUE": (4, 6), "DOT": (6, 0), "EL": (0, 4), "FRY": (2, 6)}
"""Words with their phones, as numbers of tones; the phones are named P0, P2, P4, P6."""


def librispeech(root: Path, per_split: Sequence[int] = (90, 8, 10)) -> Path:
    """train-clean-100, dev-clean, test-clean, and a lexicon."""
    names = list(WORDS)
    for split, count in zip(("train-clean-100", "dev-clean", "test-clean"), per_split, strict=True):
        rng = np.random.default_rng(count)
        for i in range(count):
            speaker, chapter = str(10 + i % 3), str(100 + i % 2)
            folder = root / split / speaker / chapter
            words = [names[k] for k in rng.integers(len(names), size=3)]
            name = f"{speaker}-{chapter}-{i:04d}"
            write(folder / f"{name}.flac", sound([t for word in words for t in WORDS[word]], i % 3, i, gap=0.06))
            with (folder / f"{speaker}-{chapter}.trans.txt").open("a") as table:
                table.write(f"{name} {' '.join(words)}\n")
    lines = [f"{word}\t{' '.join(f'P{t}' for t in tones)}" for word, tones in WORDS.items()]
    (root / "librispeech-lexicon.txt").write_text("\n".join(lines) + "\n")
    return root


def speech_commands(root: Path, each: int = 8) -> Path:
    """Three of the ten words, one other word, noise, and the test set."""
    train, test = root / "speech_commands_v0.01", root / "speech_commands_test_set_v0.01"
    dev, testing = [], []
    for symbol, word in enumerate(("yes", "no", "up", "bird")):
        for i in range(each):
            name = f"{word}/{i:08x}_nohash_0.wav"
            write(train / name, sound([symbol] * 5, i % 4, i))
            if i == 0:
                testing.append(name)
            elif i in (1, 2):
                dev.append(name)
        for i in range(4):
            folder = word if word != "bird" else "_unknown_"
            write(test / folder / f"{i + 100:08x}_nohash_0.wav", sound([symbol] * 5, i % 4, 100 + i))
    rng = np.random.default_rng(0)
    write(train / "_background_noise_" / "hiss.wav", (0.01 * rng.standard_normal(12 * RATE)).astype(np.float32))
    for i in range(4):
        write(test / "_silence_" / f"{i}.wav", (0.01 * rng.standard_normal(RATE)).astype(np.float32))
    (train / "validation_list.txt").write_text("\n".join(dev) + "\n")
    (train / "testing_list.txt").write_text("\n".join(testing) + "\n")
    return root


def voxceleb(root: Path, speakers: int = 6, each: int = 9) -> Path:
    """Identification and verification: dev speakers, two more that only verification tests, both lists."""
    lines, rng = [], np.random.default_rng(0)
    for speaker in range(speakers):
        for i in range(each):
            name = f"id1{speaker:04d}/video{i % 3}/{i:05d}.wav"
            write(root / "dev" / "wav" / name, sound(rng.integers(8, size=6).tolist(), speaker, i, hum=0.05))
            lines.append(f"{1 if i < each - 4 else 2 if i < each - 2 else 3} {name}")
    names = []
    for speaker in range(speakers, speakers + 3):
        for i in range(4):
            name = f"id1{speaker:04d}/video0/{i:05d}.wav"
            # Their hums lie between those of training.
            write(
                root / "test" / "wav" / name,
                sound(rng.integers(8, size=6).tolist(), speaker - speakers + 0.5, 50 + i, hum=0.05),
            )
            names.append(name)
    trials = [f"{int(a[:7] == b[:7])} {a} {b}" for n, a in enumerate(names) for b in names[n + 1 :]]
    (root / "veri_test_class.txt").write_text("\n".join(lines) + "\n")
    (root / "veri_test.txt").write_text("\n".join(trials) + "\n")
    return root


def libri2mix(root: Path, per_split: Sequence[int] = (16, 4, 5)) -> Path:
    """Kaldi folders: two speakers, each a range of tones, who take turns and overlap in part."""
    for split, count in zip(("train", "dev", "test"), per_split, strict=True):
        folder = root / split
        lists: dict[str, list[str]] = {"wav.scp": [], "segments": [], "utt2spk": [], "rttm": []}
        rng = np.random.default_rng(count)
        for i in range(count):
            name = f"mix{i}"
            waveform = (0.005 * rng.standard_normal(6 * RATE)).astype(np.float32)
            end = 0.0
            for turn in range(5):
                speaker = turn if turn < 2 else int(rng.integers(2))
                start = max(0.0, end + rng.uniform(-0.3, 0.4))
                symbols = (rng.integers(4, size=int(rng.integers(4, 9))) + 5 * speaker).tolist()
                spoken = sound(symbols, speaker, 10 * i + turn, gap=0.0)
                first = round(start * RATE)
                end = min(6.0, start + len(spoken) / RATE)
                if end - start < 0.1:
                    break
                waveform[first : round(end * RATE)] += spoken[: round(end * RATE) - first]
                who = f"spk{(i + speaker) % 2}"
                utterance = f"{who}-{name}-{turn}"
                lists["segments"].append(f"{utterance} {name} {start:.3f} {end:.3f}")
                lists["utt2spk"].append(f"{utterance} {who}")
                lists["rttm"].append(f"SPEAKER {name} 1 {start:.3f} {end - start:.3f} <NA> <NA> {who} <NA> <NA>")
            write(folder / "wav" / f"{name}.wav", waveform)
            lists["wav.scp"].append(f"{name} wav/{name}.wav")
        for table, lines in lists.items():
            if table != "rttm" or split == "test":
                (folder / table).write_text("\n".join(lines) + "\n")
    return root


def voicebank(root: Path, per_split: Sequence[int] = (16, 4, 5)) -> Path:
    """As SUPERB-SG prepares it: tones under white noise, all of one length."""
    for split, count in zip(("train", "dev", "test"), per_split, strict=True):
        rng = np.random.default_rng(count)
        for i in range(count):
            clean = sound(rng.integers(8, size=9).tolist(), i % 3, i)
            noisy = clean + rng.uniform(0.05, 0.2) * rng.standard_normal(len(clean)).astype(np.float32)
            for kind, waveform in (("clean", clean), ("noisy", noisy)):
                folder = root / "wav16k" / split / kind
                write(folder / "wav" / f"p{i}.wav", np.clip(waveform, -1, 1).astype(np.float32))
                with (folder / "wav.scp").open("a") as table:
                    table.write(f"p{i} wav/p{i}.wav\n")
    return root


def libri2mix_min(root: Path, per_split: Sequence[int] = (16, 4, 5)) -> Path:
    """Mixtures of a talker of low and one of high tones, in no fixed order, all of one length."""
    for split, count in zip(("train-100", "dev", "test"), per_split, strict=True):
        rng = np.random.default_rng(count)
        for i in range(count):
            talkers = [sound((rng.integers(3, size=9) + first).tolist(), i, first, hum=0) for first in (0, 5)]
            sources = [talkers[k] for k in rng.permutation(2)]
            folder = root / "wav16k" / "min" / split
            for kind, waveform in zip(("s1", "s2", "mix_clean"), (*sources, sources[0] + sources[1]), strict=True):
                write(folder / kind / f"{i}.wav", waveform)
    return root


VOWELS = ((300, 2300), (350, 900), (500, 1800), (600, 1100), (750, 1300), (450, 1500))
"""First two formants in Hz."""


def spoken(vowels: Sequence[int], pitch: float, size: float = 1.0, seed: int = 0) -> np.ndarray:
    """Vowels of 0.12 s at 24 kHz by a voice of that pitch in Hz, its formants `size` times as high: float32 [S]."""
    rng = np.random.default_rng((seed, *vowels))
    time = np.arange(round(0.12 * 24_000)) / 24_000
    harmonics = pitch * np.arange(1, int(7000 / pitch))
    parts = []
    for vowel in vowels:
        formants = size * np.array([*VOWELS[vowel], 3000])[:, None]
        gains = (np.exp(-np.square((harmonics - formants) / 150.0)) + 0.003).sum(0)
        parts.append(gains @ np.sin(2 * np.pi * harmonics[:, None] * time))
    waveform = 0.1 * np.concatenate(parts) + 0.001 * rng.standard_normal(len(vowels) * len(time))
    return waveform.astype(np.float32)


def vcc2020(root: Path, each: int = 12, evaluated: int = 2) -> Path:
    """Four target speakers and four to convert, as unpacked, with the words."""
    rng = np.random.default_rng(0)
    sentences = {f"{10001 + i}": rng.integers(len(VOWELS), size=4).tolist() for i in range(each)}
    sentences |= {f"{30001 + i}": rng.integers(len(VOWELS), size=4).tolist() for i in range(evaluated)}
    for s, speaker in enumerate(("TEF1", "TEF2", "TEM1", "TEM2", "SEF1", "SEF2", "SEM1", "SEM2")):
        for number, vowels in sentences.items():
            if number[0] == "3" or speaker[0] == "T":
                folder = root / ("vcc2020_database_groundtruth" if number[0] == "3" else "target_task1")
                waveform = spoken(vowels, 110.0 + 20 * s, 1.0 + 0.05 * s, s)
                (folder / speaker).mkdir(parents=True, exist_ok=True)
                save_audio(folder / speaker / f"E{number}.wav", waveform, 24_000)
    words = [f"{number} {' '.join('abcdef'[v] for v in vowels)}" for number, vowels in sentences.items()]
    (root / "transcriptions").mkdir()
    (root / "transcriptions" / "Eng_transcriptions.txt").write_text("\n".join(words) + "\n")
    return root


def parallel_voices(root: Path, train: int = 12, test: int = 3) -> Path:
    """A manifest of one target speaker, and of two others who say the same sentences as she does in the test split."""
    rng = np.random.default_rng(1)
    rows = ["path\tsplit\tspeaker\treference\ttranscript"]
    root.mkdir(parents=True, exist_ok=True)
    for i in range(train + 3 + test):
        vowels = rng.integers(len(VOWELS), size=5 + i % 2).tolist()
        words = " ".join("abcdef"[v] for v in vowels)
        save_audio(root / f"target-{i}.wav", spoken(vowels, 120.0 + 10 * (i % 6), 1.05, i), 24_000)
        if i < train + 3:
            rows.append(f"target-{i}.wav\t{'train' if i < train else 'dev'}\ttarget\t\t{words}")
            continue
        for speaker, pitch, size in (("low", 125.0, 1.0), ("middle", 155.0, 1.02)):
            save_audio(root / f"{speaker}-{i}.wav", spoken(vowels, pitch, size, 50 + i), 24_000)
            rows.append(f"{speaker}-{i}.wav\ttest\t{speaker}\ttarget-{i}.wav\t{words}")
    (root / "own.tsv").write_text("\n".join(rows) + "\n")
    return root / "own.tsv"


def fluent(root: Path, each: int = 4) -> Path:
    """Two actions, two objects, two places, in three tables."""
    for split, first in (("train", 0), ("valid", 100), ("test", 200)):
        rows = []
        for a, action in enumerate(("activate", "deactivate")):
            for o, thing in enumerate(("lights", "music")):
                for p, place in enumerate(("kitchen", "none")):
                    for i in range(each if split == "train" else 2):
                        name = f"wavs/speakers/{split}{i % 2}/{a}{o}{p}-{i}.wav"
                        write(root / name, sound([a, a, 2 + o, 2 + o, 4 + p, 4 + p], i % 2, first + i))
                        rows.append([name, f"{split}{i % 2}", "text", action, thing, place])
        (root / "data").mkdir(exist_ok=True)
        with (root / "data" / f"{split}_data.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["", "path", "speakerId", "transcription", "action", "object", "location"])
            writer.writerows([[n, *row] for n, row in enumerate(rows)])
    return root


def snips(root: Path) -> Path:
    """One slot of two values, said by official voices."""
    values = {"artist": ("ab", "cd"), "year": ("ef", "gh")}
    lines = []
    for split, voices, count in (
        ("train", ("Ivy", "Joey"), 20),
        ("valid", ("Amy",), 6),
        ("test", ("Brian", "Emma"), 5),
    ):
        rng = np.random.default_rng(count)
        for v, voice in enumerate(voices):
            for i in range(count):
                slot = ("artist", "year")[int(rng.integers(2))]
                value = values[slot][int(rng.integers(2))]
                name = f"{voice}-snips-{split}-{i}"
                letters = f"a{value}"
                write(root / split / f"{name}.wav", sound([ord(c) - ord("a") for c in letters], v, i))
                lines.append(f"{name} BOS a {value} EOS\tO O B-{slot} Intent")
    (root / "all.iob.snips.txt").write_text("\n".join(lines) + "\n")
    return root


def iemocap(root: Path, each: int = 3) -> Path:
    """Five sessions of two speakers, four emotions and one that is left out."""
    for session in range(1, 6):
        folder = root / f"Session{session}"
        for who in "FM":
            dialogue = f"Ses{session:02d}{who}_impro01"
            lines = ["% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]", ""]
            for e, emotion in enumerate(("neu", "hap", "exc", "sad", "ang", "fru")):
                for i in range(each):
                    turn = f"{dialogue}_{who}{e}{i:02d}"
                    tone = {"exc": 1, "sad": 2, "ang": 3, "fru": 4}.get(emotion, e)
                    write(folder / "sentences" / "wav" / dialogue / f"{turn}.wav", sound([tone] * 4, session % 3, i))
                    lines.append(f"[6.2901 - 8.2357]\t{turn}\t{emotion}\t[2.5000, 2.5000, 2.5000]")
            table = folder / "dialog" / "EmoEvaluation" / f"{dialogue}.txt"
            table.parent.mkdir(parents=True, exist_ok=True)
            table.write_text("\n".join(lines) + "\n")
    return root


def quesst(root: Path, recordings: int = 20) -> Path:
    """Recordings of random tones, queries of three tones that some of them hold."""
    scoring = root / "scoring"
    scoring.mkdir(parents=True)
    rng = np.random.default_rng(0)
    listed, held = [], {}
    for i in range(recordings):
        name = f"quesst14_{i:05d}"
        symbols = rng.permutation(9).tolist()
        held[name] = symbols
        write(root / "Audio" / f"{name}.wav", sound(symbols, i % 3, i))
        listed.append(f"quesst14Database/Audio/{name}.wav {'nnenglish' if i < recordings - 2 else 'czech'}")
    (scoring / "language_key_utterances.lst").write_text("\n".join(listed) + "\n")
    for split, folder, offset in (("dev", "dev_queries", 0), ("eval", "eval_queries", 6)):
        queries, lines = [], []
        for q in range(6):
            query = f"quesst14_{split}_{q:04d}"
            holder = held[f"quesst14_{q + offset:05d}"]
            symbols = holder[2:6]
            write(root / folder / f"{query}.wav", sound(symbols, 4, 1000 + q))
            queries.append(f"quesst14Database/{folder}/{query}.wav nnenglish")
            for name, said in held.items():
                if any(said[k : k + 4] == symbols for k in range(6)):
                    lines.append(f"LEXEME {name} 1 0.0 1.0 {query} lex <NA> <NA>")
        (scoring / f"language_key_{split}.lst").write_text("\n".join(queries) + "\n")
        truth = scoring / f"groundtruth_quesst14_{split}" / f"quesst14_{split}.rttm"
        truth.parent.mkdir()
        truth.write_text("\n".join(lines) + "\n")
    return root
