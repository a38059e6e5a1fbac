"""A copy of the project as a Git repository of its own, in which a test may commit."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SENDER = {
    f"GIT_{who}_{what}": "test@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
}


@dataclass(frozen=True, slots=True)
class Project:
    """The copy."""

    root: Path

    def run(self, *words: str, fails: bool = False, **variables: str) -> str:
        """Run a command in it and return its output; with `fails` it must fail: its errors are returned."""
        env = {**os.environ, **SENDER, **variables}
        done = subprocess.run(words, cwd=self.root, env=env, capture_output=True, text=True, timeout=1200)
        assert (done.returncode != 0) == fails, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stderr if fails else done.stdout

    def commit(self) -> None:
        """Commit all there is."""
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--message", "a change")

    def change(self, path: str, text: str = "# changed\n") -> None:
        """Add to a file, which may be new, and commit it."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a") as out:
            out.write(text)
        self.commit()

    def key(self, image: str, **variables: str) -> str:
        """Return what stands for the sources of an image."""
        return self.run("scripts/image-key.sh", image, fails=False, **variables).strip()


def copy(to: Path) -> Project:
    """Copy what Git has or would take, and commit it."""
    words = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(words, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    for name in listed.split("\0"):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)
    project = Project(to)
    project.run("git", "init", "--quiet")
    project.commit()
    return project
