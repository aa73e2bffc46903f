select name, value
from projection_info;
