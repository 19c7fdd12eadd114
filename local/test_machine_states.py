"""Shows on a small machine that the checks of structure and expressions pass what is right and fail what is wrong."""

from __future__ import annotations

import unittest

import jsonata_expressions
import templates
from check_machines import check_template
from machine_example import broken

ALL = "{ErrorEquals: [States.ALL], Next: Failed}"


class Case(unittest.TestCase):
    """Replacements and what is found after them."""

    def found(self, old: str, new: str, *expected: str) -> None:
        """Replacing `old` gives exactly these problems, in any order."""
        problems = sorted(broken((old, new)).problems)
        self.assertEqual(len(expected), len(problems), problems)
        for text in expected:
            self.assertTrue(any(text in problem for problem in problems), f"{text!r} is in none of {problems}")

    def some(self, old: str, new: str, *expected: str) -> None:
        """Replacing `old` gives these problems and others."""
        problems = str(broken((old, new)).problems)
        for text in expected:
            self.assertIn(text, problems)


class Structure(Case):
    """How states hang together, and how errors are met."""

    def test_right(self) -> None:
        found = broken()
        self.assertEqual([], found.problems)
        self.assertEqual(1, found.skipped)
        self.assertRegex(found.figures[0], r"^Machine: [0-9]+ bytes, 11 states$")

    def test_targets(self) -> None:
        self.some(
            "Next: Decide",
            "Next: Decided",
            "state Read: Next `Decided` is no state here",
            "Decide: nothing leads there",
        )
        self.some("Default: Write", "Default: Ask", "Default `Ask` is no state here", "state List: nothing leads there")
        self.some("Next: Start}", "Next: Begun}", "Choices[0].Next `Begun` is no state here")
        self.some("Next: Tell", "Next: Over", "state Ask: Next `Over` is no state of Each")
        self.found("NotFoundException], Next: Failed}", "NotFoundException], Next: Nil}", "Catch[0].Next `Nil`")
        self.some("StartAt: Begin", "StartAt: Beginning", "StartAt is `Beginning`, which is no state there")
        self.some("StartAt: Ask", "StartAt: Asks", "StartAt in Each is `Asks`")

    def test_ends(self) -> None:
        self.found("End: true", "Comment: end", "state Tell: neither Next nor End")
        self.found("End: true", f"End: true\n{' ' * 22}Next: Ask", "state Tell: both Next and End")
        self.found("End: true", "End: yes please", "End is not true")
        self.found("{Type: Succeed}", "{Type: Succeed, End: true}", "state Over: End in a Succeed")

    def test_choice(self) -> None:
        self.some("                Default: Write\n", "", "state Decide: no Default")
        self.found("{Type: Succeed}", "{Type: Choice, Choices: [], Default: Failed}", "state Over: Choices is empty")

    def test_type(self) -> None:
        self.found("{Type: Succeed}", "{Type: Success, End: true}", "Type `Success` is none of Choice")

    def test_names(self) -> None:
        long = "O" * 81
        problems = broken(("              Over:", f"              {long}:")).problems
        self.assertIn(f"Machine: state {long}: its name has more than 80 characters", problems)
        self.some("              Over:", "              Ask:", "state Ask: 2 states have this name")

    def test_whole_machine(self) -> None:
        self.found("            TimeoutSeconds: 900\n", "", "TimeoutSeconds is not 1 to 99999999: an execution")
        self.some("QueryLanguage: JSONata", "QueryLanguage: JSONPath", "QueryLanguage is not JSONata")
        self.some('fault: ""', f'fault: "{"x" * 1_048_576}"', "the definition has 1052")

    def test_unreadable(self) -> None:
        for properties, expected in (
            ("{}", "has neither Definition nor DefinitionString"),
            ("{DefinitionString: '{'}", "DefinitionString is no JSON"),
            ("{Definition: {StartAt: A}}", "definition: no States"),
            (
                "{Definition: {StartAt: A, States: {A: {Type: Map, ItemProcessor: {}}}}}",
                "state A: its states: no States",
            ),
        ):
            with self.subTest(properties):
                text = f"Resources: {{M: {{Type: 'AWS::StepFunctions::StateMachine', Properties: {properties}}}}}"
                self.assertIn(expected, str(check_template(templates.parse(text, "test")).problems))

    def test_time_limit(self) -> None:
        self.found("                TimeoutSeconds: 20\n", "", "state Read: TimeoutSeconds is not 1 to")
        self.found("TimeoutSeconds: 20", "TimeoutSeconds: 0", "state Read: TimeoutSeconds is not 1 to")
        self.found(
            "TimeoutSeconds: 20",
            "TimeoutSeconds: 20\n                HeartbeatSeconds: 20",
            "HeartbeatSeconds is not below",
        )

    def test_retry(self) -> None:
        limit = "                TimeoutSeconds: 20\n                Retry: *retry\n"
        self.found(limit, "                TimeoutSeconds: 20\n", "state Start: no Retry")
        self.found(
            limit, limit.replace("*retry", "[{ErrorEquals: [States.Timeout]}]"), "Retry does not end with States.ALL"
        )
        self.found(
            limit, limit.replace("*retry", "[{ErrorEquals: [States.Timeout, States.ALL]}]"), "must stand alone and last"
        )
        self.found(
            limit,
            limit.replace("*retry", "[{MaxAttempts: 1}, {ErrorEquals: [States.ALL]}]"),
            "Retry[0] has no ErrorEquals",
        )
        early = "[{ErrorEquals: [States.ALL]}, {ErrorEquals: [States.ALL]}]"
        self.found(limit, limit.replace("*retry", early), "Retry[0]: States.ALL must stand alone and last")

    def test_retry_figures(self) -> None:
        limit = "                TimeoutSeconds: 20\n                Retry: *retry\n"
        for figures, expected in (
            ("MaxAttempts: -1", "Retry[0].MaxAttempts is -1, not 0 to 99999999"),
            ("IntervalSeconds: 0", "Retry[0].IntervalSeconds is 0, not 1 to 99999999"),
            ("IntervalSeconds: 1.5", "Retry[0].IntervalSeconds is 1.5"),
            ("BackoffRate: 0.5", "Retry[0].BackoffRate is 0.5"),
            ("IntervalSeconds: 5, MaxDelaySeconds: 5", "MaxDelaySeconds is not above IntervalSeconds"),
            ("JitterStrategy: HALF", "JitterStrategy is neither FULL nor NONE"),
        ):
            with self.subTest(figures):
                self.found(limit, limit.replace("*retry", f"[{{ErrorEquals: [States.ALL], {figures}}}]"), expected)

    def test_catch(self) -> None:
        self.found(
            "                Catch: *catch\n                Next: Over",
            "                Next: Over",
            "state Each: no Catch",
        )
        self.found(f"                  - {ALL}\n", "", "state Start: Catch does not end with States.ALL")
        self.found(ALL, ALL.replace("[", "[States.Timeout, "), "Catch[1]: States.ALL must stand alone and last")


class Expressions(Case):
    """JSONata, and the variables that it reads."""

    def condition(self, expression: str, *expected: str) -> None:
        """An expression in place of a condition gives exactly these problems."""
        self.found("\"{% $item = 'gone' %}\"", f'"{{% {expression} %}}"', *expected)

    def test_syntax(self) -> None:
        self.condition("$item = ", "Choices[0].Condition: does not parse")
        self.condition("$item 'gone'", "does not parse")
        self.found("\"{% $item = 'gone' %}\"", "\" {% $item = 'gone' %}\"", "begins or ends with something else")

    def test_functions(self) -> None:
        self.condition("$counts($item) = 1", "function `$counts` does not exist")
        self.condition("$eval($item)", "`$eval` does not exist in Step Functions")
        self.condition("$partition([1], 1) = $parse('1') and $hash('a', 'MD5') = $uuid()")
        self.condition("($twice := function($v) { $v * 2 }; $twice($many) = 2)")

    def test_hidden_functions(self) -> None:
        self.condition("($now := 1; $now = 1)", "`$now` hides the function of that name")
        self.condition("$map([1], function($sum) { $sum }) = 1", "`$sum` hides the function of that name")
        self.condition("($states := 1; $item = 1)", "`$states` is Step Functions' own")
        changes = (("many: 0}", "many: 0, now: 1}"), ("'gone'", "$now()"))
        self.assertIn("`$now` is a variable here, not the function", str(broken(*changes).problems))

    def test_random_in_a_predicate(self) -> None:
        self.condition("[1, 2][$floor($random() * 2)] = 1", "`$random()` in a predicate")
        self.condition("($drawn := $floor($random() * 2); [1, 2][$drawn] = 1)")
        self.condition("[$random()][0] = 1")

    def test_variables(self) -> None:
        self.condition("$itme = 'gone'", "`$itme` is assigned by no state before this one")
        self.condition("$reason = 'gone'", "`$reason` is assigned by no state before this one")
        self.condition("($a := 1; $a = 1) and $a = 1", "`$a` is assigned by no state before this one")
        self.condition("$map([1], function($v, $i) { $v + $i })[0] = 1")
        self.condition("$states.input.list@$o#$i[$o.x = $i].y = 1")
        self.found(
            'Cause: "{% $fault %}"', 'Cause: "{% $item %}"', "state Failed: Cause: `$item` has no value on some way"
        )

    def test_variable_with_the_name_of_a_function(self) -> None:
        # Without a value it would be the function, and nothing would fail.
        cause = ('Cause: "{% $fault %}"', 'Cause: "{% $error %}"')
        self.assertEqual([], broken(("many: 0}", "many: 0, error: none}"), cause).problems)
        later = broken(("Assign: {reason: GONE}", "Assign: {reason: GONE, error: gone}"), cause)
        self.assertIn("`$error` has no value on some way", str(later.problems))

    def test_variables_of_a_map(self) -> None:
        self.found('Cause: "{% $fault %}"', 'Cause: "{% $who %}"', "`$who` is assigned by no state before")
        self.found("Assign: {who:", "Assign: {item: 1, who:", "`item` is a variable of the states around these")
        self.found(
            "{Mode: INLINE}", "{Mode: DISTRIBUTED, ExecutionType: STANDARD}", "`$id` is assigned by no state before"
        )

    def test_names_of_variables(self) -> None:
        self.found('fault: "",', 'fault: "", a-b: 1,', "Assign: `a-b` is no name of a variable")
        self.found('fault: "",', 'fault: "", states: 1,', "Assign: `states` is no name of a variable")

    def test_states_object(self) -> None:
        self.condition("$states.result = 1", "`$states.result` is not there; context, input are")
        self.some(
            "$states.errorOutput.Error",
            "$states.result.Error",
            "`$states.result` is not there; context, errorOutput, input",
        )
        self.found("{% $states.input.id %}", "{% $states.errorOutput %}", "`$states.errorOutput` is not there")

    def test_top_level(self) -> None:
        self.condition("item = 'gone'", "`item` is a field of nothing")
        self.condition("$ = 'gone'", "`$` means nothing at the top level")
        self.condition("$$.id = 'gone'", "`$$` means nothing at the top level")
        self.condition("$exists($states.input.list[id = 'a' and $.b = 1].{'c': d}^(c))")

    def test_constant_fields(self) -> None:
        self.some("Next: Read", 'Next: "{% $id %}"', "Next: Step Functions takes no expression here")

    def test_built_ins_are_those_of_the_reference(self) -> None:
        # Of the functions that the reference documents, some of each chapter; jsonata-python must not lack one.
        documented = (
            "substringBefore pad formatNumber toMillis shuffle zip sift spread single assert encodeUrlComponent typeof"
        )
        missing = set(documented.split()) - jsonata_expressions.BUILT_INS
        self.assertEqual({"typeof"}, missing)


if __name__ == "__main__":
    unittest.main()
