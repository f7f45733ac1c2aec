wait leader
kill leader
wait leader
kill leader
wait leader
