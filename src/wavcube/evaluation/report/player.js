// Players of several recordings: one is heard, and a switch to another goes on at the same position.
(() => {
  const PLAYER = ".player[data-seconds]";
  const sounds = (player) => [...player.querySelectorAll("audio")];
  const chosen = (player) => Number(player.dataset.chosen || 0);
  const heard = (player) => sounds(player)[chosen(player)];

  function show(player) {
    const sound = heard(player), total = Number(player.dataset.seconds), at = Math.min(sound.currentTime, total);
    player.style.setProperty("--at", `${(100 * at) / total}%`);
    player.querySelector("output").textContent = `${at.toFixed(1)} / ${total.toFixed(1)} s`;
    player.querySelector("input").value = at;
    player.querySelector("[data-play]").textContent = sound.paused ? "▶" : "❚❚";
    player.querySelectorAll(".clip").forEach((clip, i) => clip.classList.toggle("on", i === chosen(player)));
    player.querySelectorAll("[data-clip]").forEach((b, i) => b.setAttribute("aria-pressed", i === chosen(player)));
  }

  function follow(player) {
    if (!player.isConnected) return;
    show(player);
    if (!heard(player).paused) requestAnimationFrame(() => follow(player));
  }

  function choose(player, number) {
    const before = heard(player), playing = !before.paused, at = before.currentTime;
    before.pause();
    player.dataset.chosen = number;
    const sound = heard(player);
    sound.currentTime = at;
    if (playing) sound.play();
    show(player);
  }

  function seek(player, seconds) {
    heard(player).currentTime = seconds;
    show(player);
  }

  function save(player, number) {
    const link = document.createElement("a");
    link.href = sounds(player)[number].src;
    link.download = `${player.querySelectorAll("figcaption")[number].textContent.replaceAll(" ", "-")}.flac`;
    link.click();
  }

  document.addEventListener("click", (event) => {
    const player = event.target.closest(PLAYER);
    if (!player) return;
    const button = event.target.closest("button"), picture = event.target.closest(".picture");
    if (button && "clip" in button.dataset) choose(player, Number(button.dataset.clip));
    else if (button && "save" in button.dataset) save(player, Number(button.dataset.save));
    else if (button) heard(player).paused ? heard(player).play() : heard(player).pause();
    else if (picture) {
      const box = picture.getBoundingClientRect();
      const number = sounds(player).indexOf(picture.closest(".clip").querySelector("audio"));
      if (number !== chosen(player)) choose(player, number);
      seek(player, ((event.clientX - box.left) / box.width) * Number(player.dataset.seconds));
    }
  });
  document.addEventListener("input", (event) => {
    const player = event.target.closest(PLAYER);
    if (player) seek(player, Number(event.target.value));
  });
  // Events of sounds do not bubble, so they are caught on their way down.
  for (const kind of ["play", "pause", "ended", "seeked"]) {
    document.addEventListener(kind, (event) => {
      const own = event.target.closest(PLAYER);
      if (kind === "play")
        document.querySelectorAll("audio").forEach((other) => other !== event.target && other.pause());
      if (own) follow(own);
    }, true);
  }
})();
