
{
  const table = document.getElementById("chooser");
  if (table) {
    const words = JSON.parse(document.getElementById("event-words").textContent);
    const kinds = Object.keys(words);
    const view = new CallView(words);
    const choices = [...document.querySelectorAll("[data-choice]")];
    const chooser = new Chooser(table, (index) => {
      for (const each of choices) each.setAttribute("aria-pressed", Number(each.dataset.choice) === index);
      const call = JSON.parse(document.getElementById(`call-${index}`).textContent);
      for (const event of call.trace?.events ?? []) event[1] = kinds[event[1]] ?? event[1];
      view.show(call);
    });
    for (const each of choices) each.addEventListener("click", () => chooser.choose(Number(each.dataset.choice)));
    chooser.choose(Number(choices[0].dataset.choice));
  }
}
