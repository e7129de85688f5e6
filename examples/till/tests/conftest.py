import pytest
from till import Till


@pytest.fixture
def till(ofd):
    """A till that is registered and has an open shift; the operator knows nothing but these two documents."""
    till = Till((ofd.host, ofd.port), timeout=1)
    till.register()
    till.open_shift()
    return till
