wait leader
write 5
kill follower
write 5
heal
wait leader
kill leader
wait leader
write 1
