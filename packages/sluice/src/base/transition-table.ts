/**
 * The cell of a total transition table that answers an event in a phase. Each cell is typed by the one phase and the one kind of event that it
 * stands for; its caller has unions of both, and looks it up by the names of the two that it calls it with.
 */
export function cellOf<Phase extends string, Kind extends string, Cell>(
  table: Readonly<Record<Phase, Readonly<Record<Kind, unknown>>>>,
  phase: Phase,
  kind: Kind,
): Cell {
  return table[phase][kind] as Cell // see above
}
