"""A small use of what openapi-python-client generates: a page, the array and a stream."""

import json
import sys
from importlib import import_module

package, url = sys.argv[1:]
client = import_module(package).Client(base_url=url, raise_on_unexpected_status=True)
flights = import_module(f"{package}.api.flights.flights_list")
models = import_module(f"{package}.models")
query = {"origin": "JFK", "min_delay": 60}

page = flights.sync(client=client, **query)
array = flights.sync(client=client, **query, stream=models.FlightsListStream.JSON)
# The generated functions read JSON only; the rest is httpx, and the generated models.
request = flights._get_kwargs(**query, stream=models.FlightsListStream.NDJSON)
with client.get_httpx_client().stream(**request) as response:
    streamed = [models.Flight.from_dict(json.loads(line)) for line in response.iter_lines()]

told = {
    "page": page.count,
    "array": [flight.id for flight in array],
    "stream": [flight.id for flight in streamed],
    "carriers": len({flight.carrier.code for flight in streamed}),
}
sys.stdout.write(json.dumps(told))
