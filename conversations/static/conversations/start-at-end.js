// A classic script that runs while the page is being read, so that the first thing drawn is already the newest message.
{
  const scroller = document.getElementById("scroller");
  if (scroller && document.body.dataset.conversation) {
    scroller.scrollTop = scroller.scrollHeight;
  }
}
