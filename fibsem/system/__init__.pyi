from .file_names import file_name as file_name
from .files import known_json as known_json
from .files import read_json as read_json
from .files import replace_file as replace_file
from .files import write_json as write_json
