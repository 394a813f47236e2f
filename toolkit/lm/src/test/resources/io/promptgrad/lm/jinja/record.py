"""Records what Jinja2 makes of many small templates: python3 record.py > constructs.json

The environment is the one in which chat templates are rendered in Python: an immutable sandbox with
trim_blocks, lstrip_blocks and loop controls, a tojson filter that does not escape HTML, and the
functions raise_exception and strftime_now.
"""

import copy
import datetime
import json
import platform

import jinja2
import jinja2.ext
import jinja2.sandbox


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
  return json.dumps(
      x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def raise_exception(message):
  raise jinja2.exceptions.TemplateError(message)


def strftime_now(form):
  return datetime.datetime(2024, 7, 26, 9, 5, 3).strftime(form)


class Generation(jinja2.ext.Extension):
  """A block that marks what the assistant said; it changes no text."""

  tags = {"generation"}

  def parse(self, parser):
    line = next(parser.stream).lineno
    body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
    return jinja2.nodes.CallBlock(self.call_method("_same"), [], [], body).set_lineno(line)

  def _same(self, caller):
    return caller()


environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
    trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
environment.filters["tojson"] = tojson
environment.globals["raise_exception"] = raise_exception
environment.globals["strftime_now"] = strftime_now

VARIABLES = {
    "messages": [
        {"role": "system", "content": " Be brief.\n"},
        {"role": "user", "content": "Hi \u00e9\u4e16\U0001f600 <b>"},
        {"role": "assistant", "content": "Hello 'you' \"two\""},
        {"role": "user", "content": "  Bye?  "},
    ],
    "tools": [
        {
            "type": "function",
            "function": {
                "name": "weather",
                "description": "Tells the weather's \"state\" & more.",
                "parameters": {
                    "type": "object",
                    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
                    "required": ["city"],
                },
            },
        }
    ],
    "documents": None,
    "bos_token": "<s>",
    "eos_token": "</s>",
    "add_generation_prompt": True,
    "n": 7,
    "x": 2.5,
    "empty": [],
    "text": "Hello World",
    "words": ["pear", "Apple", "fig", "apple"],
    "numbers": [3, 1, 2, 3],
    "pairs": {"b": 1, "a": 2, "C": None},
    "people": [
        {"name": "Ann", "age": 31, "home": {"city": "Oslo"}},
        {"name": "bob", "age": 25, "home": {"city": "Bonn"}},
        {"name": "Cid", "age": 31},
    ],
    "nothing": None,
    "lines": "one\n  two\n\nthree",
    "odd": "tab\there \\ back\u0007 \u00e9 \u2028 \U0001f600 'q'",
}

CASES = {}


def group(name, *templates):
  for template in templates:
    key = "%s %d" % (name, 1 + sum(1 for k in CASES if k.rsplit(" ", 1)[0] == name))
    CASES[key] = template


group(
    "whitespace",
    "a\n{% if true %}\nb\n{% endif %}\nc\n",
    "a\n  {% if true %}\n  b\n  {% endif %}\n  c",
    "a  {% if true %}  b  {% endif %}  c",
    "a\n  {%- if true %}\n  b\n  {%- endif %}\n  c",
    "a\n  {% if true -%}\n  b\n  {% endif -%}\n  c",
    "a\n  {%- if true -%}\n  b\n  {%- endif -%}\n  c",
    "a\n  {%+ if true %}\n  b\n  {%+ endif +%}\n  c",
    "a\n{% if true +%}\nb\n{% endif +%}\nc",
    "a\n  {{ n }}\n  b",
    "a\n  {{- n }}\n  b",
    "a\n  {{ n -}}\n  b",
    "a\n  {{- n -}}\n  b",
    "a {#- comment -#} b",
    "a\n  {# comment #}\n  b",
    "a\n  {#+ comment +#}\n  b",
    "a {# {{ not }} {% parsed %} #} b",
    "{% if true %}  \n x{% endif %}",
    "{% set a = 1 %}   {% set b = 2 %}\n   {{ a }}{{ b }}",
    "{% set a = 1 %}\n   {% set b = 2 %}\n\n   {{ a }}{{ b }}\n\n",
    "x\n\n",
    "x\n",
    "\n{% set a = 1 %}\n\nx",
    "\t {% if true %}x{% endif %}\t {% if true %}y{% endif %}",
    "a\r\n{% if true %}\r\nb\r\n{% endif %}\rc\r\n",
    "{{ 'a' }}  {% if true %}b{% endif %}",
    "a\n    {%- for m in messages %}\n        {{- m.role }}\n    {%- endfor %}\n",
    "{% for m in messages %}\n{{ m.role }}\n{% endfor %}\n",
    "{% for m in messages %}\n  {{ m.role }}\n{% endfor %}end",
    "{% raw %}{{ not }} {% parsed %}{% endraw %}",
    "a\n  {% raw %}\n  {{ x }}\n  {% endraw %}\n  b",
    "a  {%- raw -%}  {{ x }}  {%- endraw -%}  b",
    "{ {% if true %}{{ '{' }}{% endif %} } %} }} #}",
    "{{\n  'a'\n  ~\n  'b'\n}}",
    "{%if n%}y{%endif%}{%-if n-%} z {%-endif-%} w",
    "\u00a0 {%- if true -%} \u00a0 a \u00a0{%- endif %}",
)

group(
    "literal",
    "{{ 'a\\nb\\t\\'c\\' \\\\ \\x41 \\u00e9 \\101' }}",
    "{{ \"it's\" }}{{ 'say \"x\"' }}",
    "{{ 'adjacent' ' strings' }}",
    "{{ 'unknown \\d escape' }}",
    "{{ 1 }} {{ 1.0 }} {{ 1e3 }} {{ 1_000 }} {{ 0x1f }} {{ 0b101 }} {{ 0o17 }} {{ 1.5e-7 }}",
    "{{ true }} {{ True }} {{ false }} {{ None }} {{ none }}",
    "{{ [1, 'a', 2.0, none, true] }} {{ (1, 2) }} {{ (1,) }} {{ () }} {{ [] }} {{ {} }}",
    "{{ {'a': 1, 'b': [1, {'c': 'd'}]} }}",
    "{{ [1, 2,] }} {{ {'a': 1,} }} {{ 1, 2 }}",
    "{{ ['it\\'s', 'say \"x\"', 'both \\' and \"', 'line\\nfeed', 'back\\\\slash', '\u00e9\u4e16'] }}",
    "{{ [odd] }}",
    "{{ 1e16 }} {{ 123456789012345.0 }} {{ 0.1 + 0.2 }} {{ 1e-5 }} {{ 0.0001 }} {{ 1e22 }} {{ 5e-324 }}",
    "{{ 'multi\nline' }}",
    "{{ {'a': {'b': {'c': 1}}} }}",
)

group(
    "arithmetic",
    "{{ 1 + 2 * 3 - 4 }} {{ (1 + 2) * 3 }} {{ 2 ** 3 }} {{ -2 ** 2 }} {{ 2 ** -1 }}",
    "{{ 7 / 2 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 7 % -3 }} {{ 6 / 2 }}",
    "{{ 7.5 // 2 }} {{ -7.5 % 2 }} {{ 1.5 + 1 }} {{ 2 * 1.5 }}",
    "{{ true + true }} {{ 1 == true }} {{ 1 == 1.0 }} {{ '1' == 1 }}",
    "{{ 'ab' * 3 }} {{ 3 * 'ab' }} {{ [1] * 2 }} {{ 'a' * -1 }}|",
    "{{ 'a' + 'b' }} {{ [1] + [2] }} {{ (1,) + (2,) }}",
    "{{ 'a' ~ 1 ~ none ~ true ~ [1] ~ nope ~ 1.0 }}",
    "{{ 1 ~ 2 + 3 }} {{ 'n=' ~ n * 2 }} {{ 'n=' ~ n + 1 }}",
    "{{ 'n=' ~ n - 1 }}",
    "{{ +3 }} {{ -n }} {{ - -n }} {{ -n|abs }} {{ -3|abs }}",
    "{{ '%s and %d and %%' % ('a', 3) }} {{ '%s' % 'x' }} {{ '%.2f' % 3.14159 }} {{ '%5d|%-5s|%05d' % (1, 'a', 2) }}",
    "{{ 1 / 0 }}",
    "{{ 1 // 0 }}",
    "{{ 1 + 'a' }}",
    "{{ 'a' + 1 }}",
    "{{ 'a' + none }}",
    "{{ [1] + (2,) }}",
    "{{ none + 1 }}",
    "{{ nope + 'a' }}",
    "{{ 'a' + nope }}",
    "{{ messages[0] + 'a' }}",
)

group(
    "comparison",
    "{{ 1 < 2 }} {{ 2 <= 2 }} {{ 3 > 4 }} {{ 3 >= 4 }} {{ 1 != 2 }} {{ 1 == 1 }}",
    "{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 'a' < 'b' }} {{ 'Z' < 'a' }} {{ [1, 2] < [1, 3] }}",
    "{{ 'a' in 'cat' }} {{ 'b' not in 'cat' }} {{ 1 in [1, 2] }} {{ 'a' in pairs }} {{ 1 in pairs }} {{ '' in 'x' }}",
    "{{ not 1 == 2 }} {{ not true or true }} {{ not (true or true) }} {{ not 'a' in 'cat' }}",
    "{{ 1 and 2 }} {{ 0 and 2 }} {{ 0 or 'x' }} {{ 1 or 2 }} {{ '' or none }} {{ none and 1 }}",
    "{{ 1 if true else 2 }} {{ 1 if false else 2 }} [{{ 1 if false }}] {{ 1 if 0 else 2 if 1 else 3 }}",
    "{{ [1, 2] == [1, 2] }} {{ (1, 2) == [1, 2] }} {{ {'a': 1} == {'a': 1.0} }} {{ none == false }} {{ nope == none }}",
    "{{ nope == nada }} {{ nope != 1 }} {{ 'x' in nope }}",
    "{{ 1 < 'a' }}",
    "{{ none < 1 }}",
    "{{ nope < 1 }}",
    "{{ 1 in 'abc' }}",
    "{{ none in 'abc' }}",
    "{{ nope in 'abc' }}",
    "{{ 1 in none }}",
    "{{ 1 in 5 }}",
    "{{ '\U0001f600' < '\uffff' }}",
    "{{ true == 'True' }} {{ messages[0] == messages[0] }} {{ messages[0]['role'] == 'system' }}",
)

group(
    "access",
    "{{ messages[0].role }} {{ messages[0]['role'] }} {{ messages[-1].role }} {{ messages[0]['con' ~ 'tent'] }}",
    "{{ messages.0.role }} {{ people[0].home.city }} {{ people[0]['home']['city'] }}",
    "[{{ messages[9] }}] [{{ messages[0].nope }}] [{{ messages[0]['nope'] }}] [{{ nope }}] [{{ nothing }}]",
    "[{{ nothing.x }}] [{{ nothing['x'] }}] [{{ n.x }}] [{{ text.x }}] [{{ messages.x }}] [{{ messages['x'] }}]",
    "{{ nope.x }}",
    "{{ nope['x'] }}",
    "{{ messages[0].nope.x }}",
    "{{ messages[9].role }}",
    "{{ nothing[0] }}|",
    "{{ text[0] }} {{ text[-1] }} [{{ text[99] }}] {{ '\U0001f600x'[0] }} {{ '\U0001f600x'[1] }}",
    "{{ messages[1:] | length }} {{ messages[:1][0].role }} {{ messages[::2] | length }} {{ messages[::-1][0].content }}",
    "{{ text[1:4] }} {{ text[:-1] }} {{ text[-3:] }} {{ text[::-1] }} {{ text[::2] }} {{ text[8:2:-2] }} {{ text[20:] }}|",
    "{{ numbers[-2:] }} {{ numbers[:-2] }} {{ numbers[5:] }} {{ numbers[-9:2] }} {{ numbers[::-2] }} {{ numbers[:] }} {{ (1, 2, 3)[1:] }}",
    "{{ numbers[1:none] }} {{ numbers[none:2] }} {{ numbers[n:] }}",
    "{{ numbers[::0] }}",
    "{{ nothing[1:] }}",
    "{{ nope[1:] }}",
    "{{ pairs[1:] }}",
    "{{ numbers['a':] }}",
    "{{ pairs.items() | list }} {{ pairs.keys() | list }} {{ pairs.values() | list }} {{ pairs.get('a') }} {{ pairs.get('z') }} {{ pairs.get('z', 5) }}",
    "{{ {'items': 3}['items'] }} {{ {'name': 3}.name }}",
    "{{ pairs.items()[0] }}",
    "{{ messages[0].content.strip() }}|{{ messages[0]['content'].strip() }}|",
    "{{ [1, 2].index(2) }} {{ [1, 2, 1].count(1) }} {{ (1, 2).index(2) }}",
    "{{ [1, 2].append(3) }}",
    "{{ pairs.update({'a': 3}) }}",
    "{{ pairs.pop('a') }}",
    "{{ 'a'.nope() }}",
    "{{ nope() }}",
    "{{ n() }}",
    "{{ text[1.5] }}|",
    "{{ numbers[true] }}",
    "{{ ''.__class__ }}|{{ ''.__class__.__mro__ }}",
    "{{ {1: 'a', 'b': 2}[1] }} {{ {'a': 1, 'a': 2} }}",
)

group(
    "string method",
    "{{ ' a '.strip() }}|{{ ' a '.lstrip() }}|{{ ' a '.rstrip() }}|{{ 'xxaxx'.strip('x') }}|{{ 'xyaxy'.lstrip('yx') }}|{{ 'abab'.rstrip('b') }}|",
    "{{ text.startswith('He') }} {{ text.startswith('x') }} {{ text.endswith('ld') }} {{ text.startswith(('x', 'He')) }} {{ text.endswith(('x', 'y')) }}",
    "{{ 'a,b,,c'.split(',') }} {{ ' a  b '.split() }} {{ 'a,b,c'.split(',', 1) }} {{ 'a,b,c'.rsplit(',', 1) }} {{ ''.split() }} {{ ''.split(',') }}",
    "{{ 'a b c'.split(' ')[-1] }} {{ 'x</think>y'.split('</think>')[-1].lstrip('\\n') }} {{ ' a  b c '.split(none, 1) }} {{ ' a  b c '.rsplit(none, 1) }}",
    "{{ 'a\\nb\\r\\nc\\n'.splitlines() }} {{ 'a\\n\\nb'.splitlines(true) }} {{ ''.splitlines() }}",
    "{{ text.upper() }} {{ text.lower() }} {{ 'hELLO wORLD'.title() }} {{ 'hELLO wORLD'.capitalize() }} {{ 'aB'.swapcase() }} {{ \"they're 3rd\".title() }}",
    "{{ text.replace('o', '0') }} {{ text.replace('o', '0', 1) }} {{ 'aaa'.replace('aa', 'b') }} {{ 'ab'.replace('', '-') }}",
    "{{ text.find('o') }} {{ text.find('z') }} {{ text.rfind('o') }} {{ text.index('W') }} {{ text.count('l') }} {{ '\U0001f600x'.find('x') }}",
    "{{ text.index('z') }}",
    "{{ '-'.join(['a', 'b']) }} {{ ''.join([]) }} {{ ', '.join(pairs) }}",
    "{{ '-'.join([1, 2]) }}",
    "{{ '12'.isdigit() }} {{ 'ab'.isalpha() }} {{ 'a1'.isalnum() }} {{ ' '.isspace() }} {{ ''.isdigit() }} {{ 'AB'.isupper() }} {{ 'ab1'.islower() }} {{ '1'.islower() }}",
    "{{ 'abc'.removeprefix('a') }} {{ 'abc'.removesuffix('bc') }} {{ 'abc'.removeprefix('x') }}",
    "{{ 'a=b=c'.partition('=') }} {{ 'a=b=c'.rpartition('=') }} {{ 'abc'.partition('=') }}",
    "{{ '{} and {}'.format(1, 'b') }} {{ '{0}{1}{0}'.format('a', 'b') }} {{ '{x}'.format(x=3) }} {{ '{{}}'.format() }}",
    "{{ '5'.zfill(3) }} {{ '-5'.zfill(4) }}",
    "{{ 'a'.split('') }}",
    "{{ text.startswith(1) }}",
    "{{ ' \u00a0a\u2003\\n'.strip() }}|",
    "{{ 'Stra\u00dfe \u0130'.upper() }} {{ '\u0130'.lower() | length }}",
    "{{ 'a-b_c d'.split('-')[0] }}{{ 'x' in 'a-b_c d'.split('-') }}",
)

group(
    "filter",
    "{{ messages[0].content | trim }}|{{ 'xax' | trim('x') }}|{{ nope | trim }}|{{ 5 | trim }}|",
    "{{ text | upper }} {{ text | lower }} {{ 'hELLO wORLD-x y(z' | title }} {{ 'hELLO' | capitalize }} {{ none | upper }}",
    "{{ messages | length }} {{ text | count }} {{ pairs | length }} {{ '\u4e16\U0001f600' | length }} {{ nope | length }}",
    "{{ none | length }}",
    "{{ 5 | length }}",
    "{{ messages | map(attribute='role') | length }}",
    "{{ nope | default('d') }} {{ none | default('d') }} {{ none | default('d', true) }} {{ '' | d('e', boolean=true) }} {{ 0 | default(1) }} [{{ nope | default }}]",
    "{{ messages[0].nope | default('d') }} {{ messages | first | default }}",
    "{{ numbers | first }} {{ numbers | last }} {{ text | first }} [{{ empty | first }}] [{{ empty | last }}] {{ pairs | first }}",
    "{{ numbers | join }} {{ numbers | join(', ') }} {{ people | join(';', attribute='name') }} {{ ['a', none, 1.5, nope] | join('|') }} {{ 'abc' | join('-') }}",
    "{{ messages | map(attribute='role') | join(' ') }} {{ words | map('upper') | list }} {{ words | map('replace', 'p', 'b') | list }}",
    "{{ people | map(attribute='home.city') | list }}",
    "{{ people | map(attribute='home.city', default='?') | join(',') }}",
    "{{ [['a', 'b'], ['c', 'd']] | map(attribute=1) | list }} {{ [['a'], ['b']] | map('first') | list }}",
    "{{ messages | selectattr('role', 'equalto', 'user') | list | length }} {{ messages | rejectattr('role', '==', 'user') | map(attribute='role') | list }}",
    "{{ people | selectattr('home') | map(attribute='name') | list }} {{ people | rejectattr('home') | map(attribute='name') | list }} {{ people | selectattr('home', 'defined') | list | length }}",
    "{{ people | selectattr('home.city', 'in', ['Oslo']) | map(attribute='name') | list }}",
    "{{ numbers | select('odd') | list }} {{ numbers | reject('odd') | list }} {{ [0, 1, '', 'a', none] | select | list }} {{ [0, 1] | reject | list }} {{ numbers | select('>', 2) | list }}",
    "{{ 'yes' if messages | selectattr('role', 'equalto', 'nobody') else 'no' }}",
    "{{ 'yes' if messages | selectattr('role', 'equalto', 'nobody') | list else 'no' }}",
    "{{ words | sort }} {{ words | sort(case_sensitive=true) }} {{ numbers | sort(reverse=true) }} {{ people | sort(attribute='age') | map(attribute='name') | list }} {{ people | sort(attribute='age,name', reverse=true) | map(attribute='name') | list }}",
    "{{ [1, 'a'] | sort }}",
    "{{ words | unique | list }} {{ numbers | unique | list }} {{ words | unique(case_sensitive=true) | list }}",
    "{{ numbers | sum }} {{ people | sum(attribute='age') }} {{ [] | sum }} {{ [1.5, 1] | sum(start=10) }}",
    "{{ numbers | min }} {{ numbers | max }} {{ words | min }} {{ words | max }} [{{ empty | max }}] {{ people | max(attribute='age') }}",
    "{{ text | reverse }} {{ numbers | reverse | list }} {{ numbers | reverse | first }}",
    "{{ numbers | list }} {{ 'ab' | list }} {{ pairs | list }} {{ nope | list }}",
    "{{ none | list }}",
    "{{ '5' | int }} {{ '5.7' | int }} {{ 'x' | int }} {{ 'x' | int(3) }} {{ 5.9 | int }} {{ 'ff' | int(base=16) }} {{ none | int }} {{ ' 8 ' | int }} {{ true | int }}",
    "{{ '5' | float }} {{ 'x' | float }} {{ 'x' | float(1.5) }} {{ 3 | float }} {{ '1e3' | float }}",
    "{{ 5 | string + '!' }} {{ none | string }} {{ [1] | string }} {{ 1.0 | string }}",
    "{{ 2.5 | round }} {{ 3.5 | round }} {{ 2.567 | round(2) }} {{ 2.1 | round(method='ceil') }} {{ 2.9 | round(0, 'floor') }} {{ 5 | round }} {{ 1234.5 | round(-2) }} {{ 2.675 | round(2) }}",
    "{{ -5 | abs }} {{ -2.5 | abs }}",
    "{{ text | replace('l', 'L') }} {{ text | replace('l', 'L', 1) }} {{ 5 | replace('5', '6') }}",
    "{{ lines | indent }}|{{ lines | indent(2) }}|{{ lines | indent(2, true) }}|{{ lines | indent(2, first=true, blank=true) }}|{{ lines | indent('> ') }}|{{ lines | indent(width=1) }}",
    "{{ '' | indent }}|{{ 'a\\n' | indent }}|",
    "{{ pairs | dictsort }} {{ pairs | dictsort(true) }} {{ {'x': 2, 'y': 1} | dictsort(by='value') }} {{ pairs | dictsort(reverse=true) }}",
    "{{ pairs | items | list }} {{ nope | items | list }}",
    "{{ 5 | items | list }}",
    "{{ '%s-%s' | format('a', 1) }} {{ '%(x)s' | format(x=2) }}",
    "{{ '<b>' | safe }} {{ tools | tojson | safe | length > 0 }}",
    "{{ text | nofilter }}",
    "{{ 'a' if true else text | nofilter }}",
    "{{ 'a b' | upper | replace(' ', '_') ~ '!' }} {{ ('a' ~ 'b') | upper }} {{ 'a' ~ 'b' | upper }}",
    "{{ numbers | join(',') | length }} {{ (numbers | length) - 1 }} {{ numbers | length - 1 }}",
    "{% filter upper %}a{{ n }}b{% endfilter %}",
    "{% filter trim | replace('a', 'b') %}  aca  {% endfilter %}|",
)

group(
    "tojson",
    "{{ tools | tojson }}",
    "{{ tools | tojson(indent=4) }}",
    "{{ tools[0] | tojson(indent=2) }}",
    "{{ messages | tojson }}",
    "{{ messages | tojson(ensure_ascii=true) }}",
    "{{ pairs | tojson(sort_keys=true) }} {{ pairs | tojson(separators=(',', ':')) }} {{ pairs | tojson(indent=1, separators=(', ', '=')) }}",
    "{{ odd | tojson }} {{ '\\x7f\\x00\\x1f/<>&\\u2028' | tojson }}",
    "{{ [1, 1.0, 1e22, 0.1, true, none, 'a', (1, 2), {}, [], {'a': []}] | tojson }}",
    "{{ [[], {}, [1, [2]]] | tojson(indent=2) }}",
    "{{ {1: 2, none: 3, true: 4, 1.5: 5} | tojson }}",
    "{{ nope | tojson }}",
    "{{ [nope] | tojson }}",
    "{{ messages | map(attribute='role') | tojson }}",
    "{{ pairs.items() | tojson }}",
    "{{ namespace(a=1) | tojson }}",
    "{{ [1] | tojson(indent='--') }} {{ 'x' | tojson(indent=none) }}",
)

group(
    "test",
    "{{ n is defined }} {{ nope is defined }} {{ nope is undefined }} {{ nothing is defined }} {{ messages[0].role is defined }} {{ messages[0].x is not defined }}",
    "{{ text is string }} {{ n is string }} {{ pairs is mapping }} {{ messages is mapping }} {{ messages is iterable }} {{ text is iterable }} {{ n is iterable }} {{ pairs is iterable }} {{ none is iterable }} {{ nope is iterable }}",
    "{{ messages is sequence }} {{ text is sequence }} {{ pairs is sequence }} {{ n is sequence }} {{ (1, 2) is sequence }} {{ messages | map('length') is sequence }} {{ nope is sequence }}",
    "{{ n is number }} {{ x is number }} {{ true is number }} {{ text is number }} {{ n is integer }} {{ true is integer }} {{ x is float }} {{ n is float }} {{ true is boolean }} {{ n is boolean }}",
    "{{ none is none }} {{ nothing is none }} {{ nope is none }} {{ 0 is none }} {{ true is true }} {{ 1 is true }} {{ false is false }} {{ 0 is false }}",
    "{{ 3 is odd }} {{ 4 is even }} {{ 9 is divisibleby 3 }} {{ 9 is divisibleby(2) }}",
    "{{ 1 is eq 1 }} {{ 1 is equalto(2) }} {{ 1 is ne 2 }} {{ 1 is lt 2 }} {{ 1 is ge 2 }} {{ 1 is greaterthan 0 }} {{ 1 is sameas 1 }} {{ none is sameas none }}",
    "{{ 'a' is lower }} {{ 'A' is upper }} {{ 'a' is in 'abc' }} {{ 'z' is not in ['a'] }} {{ 'role' in messages[0] }}",
    "{{ range is callable }} {{ n is callable }}",
    "{{ not n is defined }} {{ n is defined and text is string }} {{ n is not none and n > 5 }} {{ not nope is defined or false }}",
    "{{ n is nosuchtest }}",
    "{{ 'user' is eq messages[1].role }} {{ messages[1].role is eq 'user' }} {{ n + 1 is eq 8 }} {{ (n + 1) is eq 8 }}",
    "{{ messages[0].content is string and messages[0].content | trim is eq 'Be brief.' }}",
    "{{ n is divisibleby 0 }}",
)

group(
    "loop",
    "{% for m in messages %}{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.revindex }}{{ loop.revindex0 }};{% endfor %}",
    "{% for m in messages %}{{ loop.previtem.role if loop.previtem is defined else '-' }}>{{ m.role }}>{{ loop.nextitem.role if not loop.last else '-' }};{% endfor %}",
    "{% for m in messages %}[{{ loop.previtem }}]{% break %}{% endfor %}",
    "{% for a in [1, 2] %}{% for b in 'xy' %}{{ loop.depth }}{{ loop.depth0 }}{{ a }}{{ b }}{{ loop.index }} {% endfor %}{{ loop.index }};{% endfor %}",
    "{% for a in [1, 2] %}{% set outer = loop %}{% for b in 'xy' %}{{ outer.index }}{{ loop.index }} {% endfor %}{% endfor %}",
    "{% for k, v in pairs.items() %}{{ k }}={{ v }},{% endfor %} {% for k in pairs %}{{ k }}{% endfor %} {% for (a, (b, c)) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}",
    "{% for k, v in pairs | dictsort %}{{ k }}={{ v }},{% endfor %} {% for k, v in pairs | items %}{{ k }}{% endfor %}",
    "{% for x in empty %}a{% else %}none{% endfor %} {% for x in [1] %}a{% else %}none{% endfor %} {% for x in nope %}a{% else %}undefined{% endfor %}",
    "{% for x in [1, 2, 3, 4] if x is odd %}{{ x }}:{{ loop.index }}/{{ loop.length }}{{ loop.last }} {% else %}none{% endfor %}",
    "{% for x in [1, 3] if x is even %}{{ x }}{% else %}none{% endfor %}",
    "{% for x in [1, 2, 3, 4] %}{% if x == 2 %}{% continue %}{% endif %}{% if x == 4 %}{% break %}{% endif %}{{ x }}{% endfor %}",
    "{% for x in range(3) %}{{ x }}{% endfor %} {% for x in range(1, 7, 2) %}{{ x }}{% endfor %} {% for x in range(3, 0, -1) %}{{ x }}{% endfor %} {{ range(4) | list }} {{ range(3)[1] }} {{ range(3) | length }} {{ 2 in range(3) }}",
    "{% for x in 'h\u00e9\U0001f600' %}[{{ x }}]{% endfor %}",
    "{% for x in [1, 2, 3] %}{{ loop.cycle('a', 'b') }}{% endfor %} {% for x in [1, 1, 2] %}{{ loop.changed(x) }}{% endfor %}",
    "{% for x in none %}{% endfor %}",
    "{% for x in 5 %}{% endfor %}",
    "{% for a, b in [(1, 2, 3)] %}{% endfor %}",
    "{% for a, b in [1] %}{% endfor %}",
    "{{ loop }}|{{ loop is defined }}",
    "{{ loop.index }}",
    "{% for m in messages[1:] if m.role == 'user' %}{{ m.content }}{% if not loop.last %},{% endif %}{% endfor %}",
    "{% set ns = namespace(on=true) %}{% for x in [1, 2, 3] if ns.on %}{{ x }}{% set ns.on = false %}{% endfor %}",
    "{% set ns = namespace(on=true) %}{% for x in [1, 2, 3] if ns.on %}{{ x }}{{ loop.last }}{% set ns.on = false %}{% endfor %}",
    "{% for x in range(100001) %}{% endfor %}",
    "{% for m in messages | reverse %}{{ m.role }} {% endfor %}{% for m in messages[::-1] %}{{ loop.revindex }}{% endfor %}",
    "{% for x in [1, 2] recursive %}{{ x }}{% endfor %}",
    "{% for x in [[1, [2]], 3] recursive %}{% if x is iterable %}({{ loop(x) }}){% else %}{{ x }}@{{ loop.depth }}{% endif %}{% endfor %}",
    "{% for x in [1, 2] %}{{ x }}{% endfor %}{{ x }}",
    "{% break %}",
    "{% for a in [1, 2] %}{% for b in [1, 2] if b >= loop.index %}{{ a }}{{ b }} {% endfor %}{% endfor %}",
    "{% for a in [1, 2] if loop is defined %}{{ a }}{% else %}none{% endfor %}",
    "{% for a in [1, 2, 3] %}{% for b in [1, 2, 3] %}{% if b == 2 %}{% break %}{% endif %}{{ a }}{{ b }} {% endfor %}{% if a == 2 %}{% break %}{% endif %}{% endfor %}",
)

group(
    "set",
    "{% set a = 1 %}{{ a }}{% set a = a + 1 %}{{ a }}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }} {% set (a, b) = (b, a) %}{{ a }}{{ b }} {% set c = 1, 2 %}{{ c }}",
    "{% set a = 1 %}{% for i in [1, 2] %}{{ a }}{% set a = a + 1 %}{{ a }} {% endfor %}{{ a }}",
    "{% for i in [1, 2] %}{% if i == 2 %}[{{ late }}]{% endif %}{% set late = i %}{% endfor %}[{{ late }}]",
    "{% if true %}{% set a = 5 %}{% endif %}{{ a }} {% if false %}{% set n = 9 %}{% endif %}{{ n }}",
    "{% set ns = namespace(found=false, k=1) %}{% for i in [1, 2] %}{% set ns.found = true %}{% set ns.k = ns.k + i %}{% endfor %}{{ ns.found }} {{ ns.k }} [{{ ns.nope }}]",
    "{% set ns = namespace({'a': 1}, b=2) %}{{ ns.a }}{{ ns.b }}{{ ns['b'] }}",
    "{% set ns = namespace() %}{% set ns.a = [] %}{% for i in [1, 2] %}{% set ns.a = ns.a + [i] %}{% endfor %}{{ ns.a }}",
    "{% set n.x = 1 %}",
    "{% set nope.x = 1 %}",
    "{% set block %}\n  a{{ n }}\n{% endset %}[{{ block }}]",
    "{% set block | trim | upper %}  a{{ n }}  {% endset %}[{{ block }}]",
    "{% set messages = messages[1:] %}{{ messages | length }}",
    "{% set add_generation_prompt = add_generation_prompt | default(false) %}{{ add_generation_prompt }} {% if not other is defined %}{% set other = 3 %}{% endif %}{{ other }}",
    "{% with a = 1, b = n %}{{ a }}{{ b }}{% endwith %}[{{ a }}] {% with %}{% set n = 3 %}{{ n }}{% endwith %}{{ n }}",
    "{% with a = 1, b = a %}{{ a }}[{{ b }}]{% endwith %}",
    "{% set x %}{% for i in [1, 2] %}{{ i }}{% endfor %}{% endset %}{{ x | length }}",
    "{% set a = [1, 2] %}{% set b = a %}{% set a = a + [3] %}{{ b }}{{ a }}",
    "{% set d = dict(a=1, b=2) %}{{ d }} {{ dict({'x': 1}, y=2) }} {{ dict([('k', 'v')]) }}",
    "{% generation %}a{{ n }}{% set n = 1 %}{% endgeneration %}{{ n }}",
    "{% for m in messages %}{% generation %}\n{{ m.role }}{{ loop.index }}\n{% endgeneration %}\n{% endfor %}",
    "{% set ns = namespace(a=0) %}{% set ns.a, b = 1, 2 %}{{ ns.a }}{{ b }}",
    "{% for i in [1] %}[{{ n }}]{% endfor %}{% set n = 1 %}{{ n }}",
    "{% for i in [1] %}[{{ n }}]{% endfor %}{{ n }}{% set n = 1 %}{{ n }}",
    "{% for i in [1] %}[{{ n }}]{% endfor %}{% if true %}{% set n = 1 %}{% endif %}{{ n }}",
    "{% macro m() %}[{{ n }}]{% endmacro %}{{ m() }}{% set n = 1 %}{{ m() }}",
    "{% for i in [1] %}{% with %}[{{ n }}]{% endwith %}{% set n = 1 %}{{ n }}{% endfor %}{{ n }}",
    "{% set n %}[{{ n }}]{% endset %}{{ n }}",
    "{% for x in [1, 2] %}{{ x }}{% continue %}{% else %}none{% endfor %}",
    "{% for x in [1, 2] %}{{ x }}{% if x == 2 %}{% break %}{% endif %}{% else %}none{% endfor %}",
    "{{ [] in pairs }}",
    "{{ [1] | indent }}",
)

group(
    "macro",
    "{% macro m(a, b=2, c='x') %}[{{ a }}{{ b }}{{ c }}]{% endmacro %}{{ m(1) }}{{ m(1, 3) }}{{ m(1, c='y') }}{{ m() }}{{ m(b=5, a=4) }}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(z=2) }}",
    "{% macro m() %}{{ late }}{% endmacro %}{% set late = 3 %}{{ m() }}",
    "{% macro m() %}{% set n = 3 %}{{ n }}{% endmacro %}{{ m() }}{{ n }}",
    "{% macro f(k) %}{% if k > 0 %}{{ k }}{{ f(k - 1) }}{% endif %}{% endmacro %}{{ f(3) }}",
    "{% macro m(a) %}\n  {{- a }}\n{%- endmacro %}{{ m('x') | upper ~ '!' }}",
    "{% macro m(a=n, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ m() }}{{ m(1) }}",
    "{% macro inner(x) %}<{{ x }}>{% endmacro %}{% macro outer(x) %}{{ inner(x) ~ inner(x) }}{% endmacro %}{{ outer(1) }}",
    "{% for i in [1, 2] %}{% macro m() %}{{ i }}{% endmacro %}{{ m() }}{% endfor %}",
    "{% macro m(a) %}{% for x in a %}{% if x is mapping %}{{ m(x.values()) }}{% else %}{{ x }},{% endif %}{% endfor %}{% endmacro %}{{ m([1, {'k': 2}]) }}",
    "{% macro m() %}{% endmacro %}{{ m }}|",
    "{{ m(1) }}{% macro m(a) %}{{ a }}{% endmacro %}",
    "{% macro m(a, b) %}{{ b is defined }}{{ b }}{% endmacro %}{{ m(1) }}{{ m(1, none) }}",
    "{% call m() %}x{% endcall %}",
)

group(
    "function",
    "{{ raise_exception('No ' ~ 'good.') }}",
    "{% if n > 100 %}{{ raise_exception('No') }}{% endif %}fine",
    "{{ strftime_now('%d %b %Y') }} {{ strftime_now('%Y-%m-%d %H:%M:%S') }} {{ strftime_now('%A %B %-d') }} {{ strftime_now('%a %y %j %I %p %%') }}",
    "{{ strftime_now is defined }} {{ raise_exception is defined }} {{ nofunction is defined }}",
    "{{ nofunction('x') }}",
    "{{ range(2, 1) | list }} {{ range(0) | list }}",
    "{{ range(1, 2, 0) }}",
    "{{ range('a') }}",
    "{{ namespace(1) }}",
)

group(
    "error",
    "{% if true %}",
    "{% endif %}",
    "{{ 1 + }}",
    "{{ a b }}",
    "{{ 'a }}",
    "{% for x %}{% endfor %}",
    "{% unknown %}",
    "{{ (1, 2 }}",
    "{{ [1, 2) }}",
    "{# never closed",
    "{% raw %} never closed",
    "{{ never closed",
    "{% if n %}a{% else %}b{% elif n %}c{% endif %}",
    "{{ 1 ! 2 }}",
    "{{ x. }}",
    "{{ f(a=1, 2) }}",
    "{% set 1 = 2 %}",
    "{% set a %}x",
    "{{ }}",
    "{% %}",
    "{% macro m(a=1, b) %}{% endmacro %}",
    "{% for x in [1] %}{% endif %}",
    "{{ n is }}",
    "{{ n | }}",
    "{% set true = 1 %}",
    "{% include 'other' %}",
    "{% import 'other' as o %}",
    "{% extends 'other' %}",
    "{% do 1 %}",
)

group(
    "whole",
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}{{ ' [INST] ' + message['content'] | trim + ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ ' ' + message['content'] + eos_token }}{% endif %}{% endfor %}",
    "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system_message = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}{% endif %}{% for message in loop_messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Roles must alternate!') }}{% endif %}{{ message.role }}:{{ loop.index0 % 2 }} {% endfor %}{{ system_message | trim }}",
    "{%- for message in messages %}\n    {%- if loop.first and message.role != 'system' %}\n        {{- '<|im_start|>system\\nDefault<|im_end|>\\n' }}\n    {%- endif %}\n    {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}\n{%- endfor %}\n{%- if add_generation_prompt %}\n    {{- '<|im_start|>assistant\\n' }}\n{%- endif %}\n",
    "{%- if tools is not none %}\n{{- 'Tools:\\n' }}\n{%- for t in tools %}\n{{- t | tojson(indent=2) }}\n{{- '\\n\\n' if not loop.last else '' }}\n{%- endfor %}\n{%- endif %}",
    "{%- set ns = namespace(last=-1) -%}\n{%- for message in messages[::-1] -%}\n{%- set index = (messages | length - 1) - loop.index0 -%}\n{%- if ns.last < 0 and message.role == 'user' -%}\n{%- set ns.last = index -%}\n{%- endif -%}\n{%- endfor -%}\n{{ ns.last }}",
)


def record(template):
  try:
    return {"expected": environment.from_string(template).render(**copy.deepcopy(VARIABLES))}
  except Exception as error:  # whatever it is, this template must not render
    return {"fails": type(error).__name__}


if __name__ == "__main__":
  print(json.dumps({
      "made_with": {"jinja2": jinja2.__version__, "python": platform.python_version()},
      "variables": VARIABLES,
      "cases": [{"name": k, "template": t, **record(t)} for k, t in CASES.items()],
  }, ensure_ascii=True, indent=1))
