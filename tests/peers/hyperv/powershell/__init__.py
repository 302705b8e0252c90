"""
PowerShell, as far as golden's constant scripts use it: their text is executed, not recognized.

The syntax is tree-sitter-powershell's; what a construct means is taken from Microsoft's public documentation (about_* topics of
PowerShell-Docs and the language specification). What is not known is refused with its line (`Refused`), never passed over, and a
script's own ``try`` does not catch that.

    runner = Runner(commands=registered(scope), path=scope.files.path, write=write, data=scope)
    for value in runner.run(text, {"Path": "C:\\golden\\a.vhdx"}):      # live: one value after the other, as they are written
        ...

`Runner(commands, path, write, data, variables, environment, check, preference, busy, meets)`
    commands     name as written -> command or None: what the script may call beside its own functions. It is asked first; where it
                 answers None the general cmdlets of `general.py` are tried (Where-Object, Select-Object, Write-Warning…; no files).
                 `registered(scope)` gives the registry's.
    path         Windows path -> pathlib.Path, for [System.IO.*]; raises OSError or Failure for what cannot be reached
    write        write(stream, record): "error" (Failure), "warning", "verbose", "information", "debug" (text),
                 "progress" (dict: Activity, Status, PercentComplete, Completed)
    data         anything; commands find it as `context.data` (the peer's scope, or a guest's)
    variables    such as PSVersionTable; environment: for $env:NAME
    check        called before every statement and while sleeping; raises failures.Stopped to end the run
    preference   $ErrorActionPreference to begin with
    meets        meets("File.ReadAllText" or "File.Replace", path): told before it happens; whether it stops half-way
    busy         busy(path): whether somebody has a file open, so that it cannot be moved

`runner.run(text, parameters)` -> iterator of outputs; parameters are bound to param() with PowerShell's conversions
`runner.invoke(block, arguments=(), parameters=None)` -> iterator: a script block in THIS runner, in a scope of its own. This is how
    Invoke-Command runs a block elsewhere: the guest has a runner of its own (other files, commands and data). ``$using:x`` works.

A command is any callable `command(arguments: Arguments, piped: Iterator | None, context: Context) -> Iterable | None`; it is called
when its output is wanted, `piped` yields what is piped to it (None: it is the first), what it yields are its outputs.
    arguments.named        [(name as written without "-", value)]; abbreviations and sets are the command's business
    arguments.positional   values without a name, in order
    command.switches       (attribute, may be absent) names of its switches in lower case: after one of them a value is positional.
                           A parameter alone gives True, ``-Force:$false`` gives False
    context.data, .line, .preference ("stop", "continue", "silentlycontinue", "ignore": -ErrorAction, else $ErrorActionPreference)
    context.call(block, item=NOTHING, arguments=())   runs a block the script handed over in the scope it came from, as Where-Object does
    context.error(Failure(...))   an error that does not end the command
A command may also raise Failure: not `terminating`, it ends the command and heeds the preference; `terminating`, it ends the pipeline.

Values are those of objects.py: None, bool, str, int (Int32, or Int64 if too large), Sized, float, list (any array), bytes and bytearray
([byte[]]), dict (hashtable; keys are looked up without case), UUID, datetime, timedelta, Thing, Member, Secret; further Block
([scriptblock]), Failure (an ErrorRecord), and objects with `ps_get(name)`, `ps_set(name, value)`, `ps_call(name, arguments)`, which
raise AttributeError for what they do not know. What `run` yields has no bytearray any more.
"""  # noqa: E501

from .calls import registered
from .runner import Runner
from .scopes import NOTHING, Arguments, Block, Context
from .syntax import Refused

__all__ = ["NOTHING", "Arguments", "Block", "Context", "Refused", "Runner", "registered"]
