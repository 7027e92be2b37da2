"""A headless browser, driven through WebDriver (W3C), which is JSON over HTTP: chromedriver is all that it needs."""
import base64
import json
import re
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path

CHROMIUM = shutil.which('chromium') or shutil.which('chromium-browser')
CHROMEDRIVER = shutil.which('chromedriver')
MISSING = 'Chromium and its driver are not installed (Debian: apt-get install chromium chromium-driver)'
_OPTIONS = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--window-size=1400,1150']
_DROP = '''
const [zone, name, content] = arguments, bytes = Uint8Array.from(atob(content), character => character.charCodeAt(0));
const transfer = new DataTransfer();
transfer.items.add(new File([bytes], name, {type: name.endsWith('.png') ? 'image/png' : 'application/octet-stream'}));
for (const kind of ['dragenter', 'dragover', 'drop'])
    zone.dispatchEvent(new DragEvent(kind, {bubbles: true, cancelable: true, dataTransfer: transfer}));
'''


class Browser:
    """A window; a context manager."""

    def __init__(self, log):
        self._log = log

    def __enter__(self):
        with open(self._log, 'wb') as log:
            self._driver = subprocess.Popen([CHROMEDRIVER, '--port=0'], stdout=log, stderr=log)
        try:
            port = self.wait(lambda: re.search(r'successfully on port (\d+)', Path(self._log).read_text()))[1]
            self._base = f'http://127.0.0.1:{port}/session'
            options = {'binary': CHROMIUM, 'args': _OPTIONS}
            session = self._send('', capabilities={'alwaysMatch': {'goog:chromeOptions': options}})
            self._base += f'/{session["sessionId"]}'
        except BaseException:
            self._driver.kill()
            raise
        return self

    def __exit__(self, *_):
        try:
            self._call(urllib.request.Request(self._base, method='DELETE'))
        finally:
            self._driver.terminate()
            self._driver.wait()

    def open(self, url):
        self._send('/url', url=url)

    def run(self, script, *arguments):
        """Run JavaScript, which returns something; elements are passed and given as the protocol has them."""
        return self._send('/execute/sync', script=script, args=arguments)

    def drop(self, element, path):
        """Drop a file on an element."""
        self.run(_DROP, element, Path(path).name, base64.b64encode(Path(path).read_bytes()).decode())

    def screenshot(self, path):
        with urllib.request.urlopen(f'{self._base}/screenshot') as answer:
            Path(path).write_bytes(base64.b64decode(json.load(answer)['value']))

    @staticmethod
    def wait(condition, seconds=120):
        """Wait until something is true, and return it."""
        end = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < end, 'nothing came'
            time.sleep(0.1)
        return found

    def _send(self, path, **body):
        return self._call(urllib.request.Request(self._base + path, json.dumps(body).encode(),
                                                 {'Content-Type': 'application/json'}))

    @staticmethod
    def _call(request):
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)['value']
