"""The size of the rendered pictures of these tests, and what a folder holds."""
import hashlib

SIZE = dict(height=18, width=24)


def digests(folder):
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob('*')) if path.is_file()}
