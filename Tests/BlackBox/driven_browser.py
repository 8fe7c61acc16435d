"""A browser that takes commands of WebDriver. Subclasses know how to send them."""

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
ENTER = "\ue007"


class BrowserError(Exception):
    pass


class DrivenBrowser:
    """Use it in a `with` statement. `seconds` is the longest time of a command."""

    seconds: float

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        raise NotImplementedError

    def send(self, name: str, **parameters):
        """Sends a command and returns its result. The names are those of Marionette."""
        raise NotImplementedError

    def messages(self, prefix: str) -> list[str]:
        """Returns errors and warnings about files of a server since the last call."""
        raise NotImplementedError

    def open(self, address: str):
        self.send("WebDriver:Navigate", url=address)

    def run(self, script: str, *arguments):
        """Runs a script in the page and returns what it returns."""
        return self.send("WebDriver:ExecuteScript", script=script, args=list(arguments))

    def wait(self, script: str, *arguments, seconds: float | None = None):
        """Waits until a script returns something that is true, and returns it."""
        found = self.send("WebDriver:ExecuteAsyncScript", script=f"""
            const done = arguments[arguments.length - 1], values = [...arguments].slice(0, -2), end = Date.now() + arguments[arguments.length - 2]
            const look = () => {{ let found = null; try {{ found = (function () {{ {script} }}).apply(null, values) }} catch {{}}
                found || Date.now() > end ? done(found || null) : setTimeout(look, 50) }}
            look()""", args=[*arguments, int(1000 * (seconds or self.seconds * 0.9))])
        assert found, f"{script} {arguments}: {self.run('return document.body.innerText')[:3000]}"
        return found

    def write(self, selector: str, text: str):
        """Types into an element. Keys without a character are those of WebDriver, such as ENTER."""
        element = self.send("WebDriver:FindElement", using="css selector", value=selector)[ELEMENT]
        self.send("WebDriver:ElementSendKeys", id=element, text=text)

    def click(self, selector: str):
        element = self.send("WebDriver:FindElement", using="css selector", value=selector)[ELEMENT]
        self.send("WebDriver:ElementClick", id=element)
