"""Tools for chat completions, and the calls in an answer."""

WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 30}, "unit": {"enum": ["celsius", "fahrenheit"]}, "days": {"type": "integer", "minimum": 1, "maximum": 7}},
    "required": ["city", "unit", "days"],
    "additionalProperties": False,
}
COLOUR = {"type": "object", "properties": {"name": {"enum": ["red", "green", "blue"]}}, "required": ["name"], "additionalProperties": False}


def function(name: str, parameters: dict | None, **more) -> dict:
    return {"type": "function", "function": {"name": name, "description": f"Does {name}.", "parameters": parameters, **more}}


TOOLS = [function("get_weather", WEATHER), function("set_colour", COLOUR)]
ONE = {"parallel_tool_calls": False, "max_tokens": 200}


def calls(answer) -> list:
    assert answer.status == 200, answer.body
    return answer.json["choices"][0]["message"].get("tool_calls", [])
