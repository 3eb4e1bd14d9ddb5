"""Turn clean trips into the features of a model, and the target."""

from monthwise.data.features import main
from monthwise.job import command_line

if __name__ == "__main__":
    command_line.run(main, inputs=("trips", "quality", "zones"), outputs=("features",), many=("zones",))
