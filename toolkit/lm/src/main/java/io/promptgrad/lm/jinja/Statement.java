package io.promptgrad.lm.jinja;

import io.promptgrad.lm.jinja.Expression.FilterCall;
import io.promptgrad.lm.jinja.Rendering.Flow;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;

/** What writes text or gives names to values. */
sealed interface Statement {

  /** Where it is written in the template, from 1. */
  int line();

  /** Does it; call it through {@link Rendering#run}. */
  Flow execute(Rendering in, Scope scope);

  /** Text between tags. */
  record Text(int line, String text) implements Statement {
    @Override
    public Flow execute(Rendering in, Scope scope) {
      in.write(text);
      return Flow.NEXT;
    }
  }

  /** {@code {{ value }}}. */
  record Print(int line, Expression value) implements Statement {
    @Override
    public Flow execute(Rendering in, Scope scope) {
      in.write(Python.text(in.work(), in.value(value, scope)));
      return Flow.NEXT;
    }
  }

  /** {@code if}, with {@code elif} as an {@code if} in its else. It is no scope of its own. */
  record If(int line, Expression condition, List<Statement> then, List<Statement> otherwise)
      implements Statement {
    @Override
    public Flow execute(Rendering in, Scope scope) {
      return in.run(Python.truth(in.value(condition, scope)) ? then : otherwise, scope);
    }
  }

  /**
   * {@code for target in items if condition}. Every turn has a scope of its own, so that what it
   * sets is gone after it.
   *
   * @param condition null if there is none; asked of an item just before its turn
   */
  record For(
      int line,
      Target target,
      Expression items,
      Expression condition,
      List<Statement> body,
      List<Statement> otherwise)
      implements Statement {
    @Override
    public Flow execute(Rendering in, Scope scope) {
      Object over = in.value(items, scope);
      Iterator<Object> iterator = Python.iterate(over);
      Loop loop =
          condition == null
              ? new Loop(iterator, Python.knownLength(over))
              : new Loop(new Chosen(iterator, in, scope), -1);
      boolean any = false;
      while (loop.hasNext()) {
        in.work().spend(1);
        Scope turn = new Scope(scope);
        target.assign(loop.next(), turn);
        turn.set("loop", loop);
        Flow flow = in.run(body, turn);
        if (flow == Flow.BREAK) {
          break;
        }
        any |= flow == Flow.NEXT; // as in Jinja2: a turn that was cut short does not count
      }
      return any ? Flow.NEXT : in.run(otherwise, new Scope(scope));
    }

    /** The items that meet the condition. */
    private final class Chosen implements Iterator<Object> {

      private final Iterator<Object> all;
      private final Rendering in;
      private final Scope scope;
      private boolean found;
      private Object next;

      Chosen(Iterator<Object> all, Rendering in, Scope scope) {
        this.all = all;
        this.in = in;
        this.scope = scope;
      }

      @Override
      public boolean hasNext() {
        while (!found && all.hasNext()) {
          next = all.next();
          Scope inner = new Scope(scope);
          target.assign(next, inner);
          found = Python.truth(in.value(condition, inner));
        }
        return found;
      }

      @Override
      public Object next() {
        if (!hasNext()) {
          throw new NoSuchElementException();
        }
        found = false;
        return next;
      }
    }
  }

  /** {@code break} or {@code continue}. */
  record Jump(int line, Flow flow) implements Statement {
    @Override
    public Flow execute(Rendering in, Scope scope) {
      return flow;
    }
  }

  /** {@code set target = value}. */
  record Assignment(int line, Target target, Expression value) implements Statement {
    @Override
    public Flow execute(Rendering in, Scope scope) {
      target.assign(in.value(value, scope), scope);
      return Flow.NEXT;
    }
  }

  /** {@code set target} up to {@code endset}: the text between, filtered. */
  record TextAssignment(int line, Target target, List<FilterCall> filters, List<Statement> body)
      implements Statement {
    @Override
    public Flow execute(Rendering in, Scope scope) {
      Object value = in.captured(body, new Scope(scope));
      for (FilterCall filter : filters) {
        value = filter.apply(value, in, scope);
      }
      target.assign(value, scope);
      return Flow.NEXT;
    }
  }

  /** {@code filter} up to {@code endfilter}: the text between, filtered. */
  record FilterBlock(int line, List<FilterCall> filters, List<Statement> body)
      implements Statement {
    @Override
    public Flow execute(Rendering in, Scope scope) {
      Object value = in.captured(body, new Scope(scope));
      for (FilterCall filter : filters) {
        value = filter.apply(value, in, scope);
      }
      in.write(Python.text(in.work(), value));
      return Flow.NEXT;
    }
  }

  /**
   * {@code with a = 1} up to {@code endwith}: a scope, its values computed outside of it. Also
   * {@code generation}, which marks what an assistant said and changes no text.
   */
  record With(int line, List<Target> targets, List<Expression> values, List<Statement> body)
      implements Statement {
    @Override
    public Flow execute(Rendering in, Scope scope) {
      Scope inner = new Scope(scope);
      for (int i = 0; i < targets.size(); i++) {
        targets.get(i).assign(in.value(values.get(i), scope), inner);
      }
      return in.run(body, inner);
    }
  }

  /**
   * {@code macro}: a function that returns text and sees the names around its definition.
   *
   * @param defaults one for each parameter; null where there is none
   */
  record Macro(
      int line,
      String name,
      List<String> parameters,
      List<Expression> defaults,
      List<Statement> body)
      implements Statement {
    @Override
    public Flow execute(Rendering in, Scope scope) {
      scope.set(name, (Callable) (rendering, arguments) -> call(rendering, arguments, scope));
      return Flow.NEXT;
    }

    private Object call(Rendering in, Arguments arguments, Scope around) {
      String[] optional = parameters.stream().map(p -> p + "?").toArray(String[]::new);
      Arguments bound = arguments.bind(optional);
      Scope scope = new Scope(around);
      for (int i = 0; i < parameters.size(); i++) {
        String parameter = parameters.get(i);
        Object value;
        if (bound.has(parameter)) {
          value = bound.get(parameter);
        } else if (defaults.get(i) != null) {
          value = in.value(defaults.get(i), scope);
        } else {
          value = new Undefined("the macro was called without '" + parameter + "'");
        }
        scope.set(parameter, value);
      }
      return in.captured(body, scope);
    }
  }

  /** Makes names undefined that the scope will set: see {@link Frame#undefined}. */
  record Forget(int line, Frame frame) implements Statement {
    @Override
    public Flow execute(Rendering in, Scope scope) {
      frame.undefined().forEach(name -> scope.set(name, Undefined.name(name)));
      return Flow.NEXT;
    }
  }

  /** What a value is given to. */
  sealed interface Target {

    void assign(Object value, Scope scope);

    /** The names that it sets. */
    List<String> names();

    record ToName(String name) implements Target {
      @Override
      public void assign(Object value, Scope scope) {
        scope.set(name, value);
      }

      @Override
      public List<String> names() {
        return List.of(name);
      }
    }

    /** An attribute of a namespace. */
    record ToAttribute(String namespace, String name) implements Target {
      @Override
      public void assign(Object value, Scope scope) {
        if (scope.get(namespace) instanceof Namespace found) {
          found.set(name, value);
        } else {
          throw new TemplateProblem(
              "'%s' is no namespace, so that '%s' of it cannot be set".formatted(namespace, name));
        }
      }

      @Override
      public List<String> names() {
        return List.of();
      }
    }

    /** Several targets for the items of one value. */
    record ToSeveral(List<Target> targets) implements Target {
      @Override
      public void assign(Object value, Scope scope) {
        Iterator<Object> items = Python.iterate(value);
        for (Target target : targets) {
          if (!items.hasNext()) {
            throw wrongNumber();
          }
          target.assign(items.next(), scope);
        }
        if (items.hasNext()) {
          throw wrongNumber();
        }
      }

      @Override
      public List<String> names() {
        return targets.stream().flatMap(target -> target.names().stream()).toList();
      }

      private TemplateProblem wrongNumber() {
        return new TemplateProblem(
            "%d names cannot take the items of a value that has not as many"
                .formatted(targets.size()));
      }
    }
  }
}
