"""Whether two stacks say the same, and leave the same behind: requests for every endpoint, sent to both.

`operations` are the endpoints of the OpenAPI document; `callers`, `addresses` and `bodies` make requests of them, valid
and not, which `requests` puts together. `twins` sends them to both stacks on two databases that are equal, and tells
the differences. What has to differ (ids, tokens) is made alike in `normal`. The stacks are handed in: nothing here
knows Flask.
"""
