(function () {
  var box = document.getElementById("english");
  function tell() { document.documentElement.lang = box.checked ? "en" : "id"; }
  if (location.hash === "#en") { box.checked = true; }
  box.addEventListener("change", tell);
  tell();
})();
