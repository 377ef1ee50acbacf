"""Models from the Hugging Face hub and to it. What goes wrong there becomes one sentence."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from wavcube.errors import CheckpointError, ConfigError


@dataclass(frozen=True)
class HubSource:
    """Which files of a hub's model, and how to get them.

    Attributes:
        revision: branch, tag or commit; None the main one.
        subfolder: where in the repository (or in a local folder) the model lies.
        cache_dir: where downloads are kept; None the hub's own cache.
        local_files_only: take what is in the cache, and do not ask the hub.
        token: of the user; None the one of `hf auth login`.
    """

    revision: str | None = None
    subfolder: str = ""
    cache_dir: str | Path | None = None
    local_files_only: bool = False
    token: str | bool | None = None

    def __post_init__(self) -> None:
        if Path(self.subfolder).is_absolute() or ".." in Path(self.subfolder).parts:
            raise ConfigError(f"subfolder {self.subfolder}: must be a folder inside the model's")

    def in_folder(self, folder: Path) -> Path:
        """The model's own folder in a local one.

        Raises:
            ConfigError: a revision is asked for.
        """
        if self.revision is not None:
            raise ConfigError(f"{folder}: is a local folder and has no revision {self.revision}; leave `revision` out")
        return folder / self.subfolder


def download(name: str, source: HubSource, files: list[str]) -> Path:
    """The local folder of a hub's model; `files` are the patterns of what is needed of it.

    Raises:
        CheckpointError: the hub does not give it, or is not to be asked and the cache lacks it.
    """
    from huggingface_hub import snapshot_download

    prefix = f"{source.subfolder.strip('/')}/" if source.subfolder else ""
    with _one_sentence(f"{name}: neither a local folder nor a model that the hub gives", source.revision):
        folder = snapshot_download(
            name,
            revision=source.revision,
            cache_dir=source.cache_dir,
            local_files_only=source.local_files_only,
            token=source.token,
            allow_patterns=[f"{prefix}{pattern}" for pattern in files],
        )
    return Path(folder) / source.subfolder


def upload(
    folder: Path,
    repo_id: str,
    *,
    private: bool | None = None,
    token: str | bool | None = None,
    revision: str | None = None,
    commit_message: str | None = None,
    create_pr: bool = False,
    replaced: list[str],
) -> str:
    """Upload a folder as one commit to a model repository, which is made if it is not there; the commit's address.

    Args:
        private: whether a repository that is made is private; None as its owner's settings say.
        revision: branch, made if it is not there; None the main one.
        create_pr: propose the commit as a pull request.
        replaced: patterns of files in the repository that go if the folder lacks them.

    Raises:
        CheckpointError: the hub refuses, or cannot be reached.
        ConfigError: `revision` and `create_pr` together.
    """
    from huggingface_hub import HfApi

    if create_pr and revision not in (None, "main"):
        raise ConfigError(f"a pull request is to the main branch, not to {revision}; give revision or create_pr")
    api = HfApi(token=token)
    with _one_sentence(f"{repo_id}: cannot be pushed", revision):
        api.create_repo(repo_id, private=private, exist_ok=True)
        if revision not in (None, "main"):
            api.create_branch(repo_id, branch=str(revision), exist_ok=True)
        commit = api.upload_folder(
            repo_id=repo_id,
            folder_path=folder,
            revision=revision,
            commit_message=commit_message or "Upload a WavCube model",
            create_pr=create_pr,
            delete_patterns=replaced,
        )
    return str(commit.pr_url or commit.commit_url)


@contextmanager
def _one_sentence(what: str, revision: str | None) -> Iterator[None]:
    """Turn what huggingface_hub raises into a CheckpointError: `what`, and why in the user's words."""
    from huggingface_hub.errors import HFValidationError

    try:
        yield
    except (OSError, HFValidationError, ValueError, RuntimeError) as error:  # its HTTP errors are OSErrors
        raise CheckpointError(f"{what} ({_reason(error, revision)})") from error
    except Exception as error:
        if "httpx" in type(error).__module__:
            raise CheckpointError(f"{what} ({_reason(error, revision)})") from error
        raise


def _reason(error: BaseException, revision: str | None) -> str:
    from huggingface_hub import constants, errors

    causes = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None and len(causes) < 10:
        causes.append(cause)
    codes = [getattr(getattr(cause, "response", None), "status_code", None) for cause in causes]
    network = any("httpx" in type(cause).__module__ for cause in causes)

    def found(*kinds: type[BaseException]) -> bool:
        return any(isinstance(cause, kinds) for cause in causes)

    if found(errors.GatedRepoError):
        return "access to it is restricted: ask for access on its page on the hub, then log in with `hf auth login`"
    if found(errors.RevisionNotFoundError):
        return f"it has no revision {revision or 'main'}"
    if found(errors.RepositoryNotFoundError):
        return "there is no such model, or it is private; log in with `hf auth login` if you have access to it"
    if found(errors.OfflineModeIsEnabled) or (constants.HF_HUB_OFFLINE and found(OSError)):
        return "the cache lacks it, and HF_HUB_OFFLINE forbids to ask the hub"
    if found(errors.LocalTokenNotFoundError) or 401 in codes:
        return "the hub does not know who you are; log in with `hf auth login`, or give a valid token"
    if 403 in codes:
        return "the token gives no right to do so"
    if found(errors.LocalEntryNotFoundError) and not network:
        return "the cache lacks it or a part of it, and the hub is not to be asked"
    if network and not any(codes):
        return f"the hub at {constants.ENDPOINT} cannot be reached; check the network"
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
